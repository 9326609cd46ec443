"""Tests of the auditor.

A package, unlike other test folders: without it pytest would import this folder's parent as the
package `auditor` and hide the real one.
"""
