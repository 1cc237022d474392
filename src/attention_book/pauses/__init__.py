"""The short questions between the sections, a module for each chapter."""
