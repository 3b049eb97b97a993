"""x"""
from outlive._bin import find_outlive_bin as find_outlive_bin
