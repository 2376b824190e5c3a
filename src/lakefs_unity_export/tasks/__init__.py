"""One module for each task of the jobs, under the task's name.

A task reads its parameters, opens what it needs, and calls the rooms below. The jobs and the notebook start them; no
other room imports one, and no task imports another.
"""
