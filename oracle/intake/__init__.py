"""Predictions, models and data sets on their way in and out, between people and operators."""
