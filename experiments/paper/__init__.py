"""The paper's figures and tables, measured beside its own figures."""
