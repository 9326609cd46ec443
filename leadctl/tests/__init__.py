"""Tests of the operator's command.

A package, unlike other test folders: without it pytest would import this folder's parent as the
package `leadctl` and hide the real one.
"""
