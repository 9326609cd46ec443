"""Engagement: what was done, and how far are we?"""
