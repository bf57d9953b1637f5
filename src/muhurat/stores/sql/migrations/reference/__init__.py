"""The versions of the schema `reference`, oldest first."""
