"""Memory, one owner per fact: runs and models are MLflow's, reports and audit are SQLite's."""
