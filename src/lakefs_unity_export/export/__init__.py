"""What one run is to do, and what is remembered of it.

The request, the plan and its pages, the state that schemas keep, and the record that ends a run. Decides on what the
ports answer, and knows neither Spark nor an SDK. For tasks.
"""
