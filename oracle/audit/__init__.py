"""What a model has done on past eras, and what staking on it would mean.

Reads a data set and predictions on its rows; knows no chain.
"""
