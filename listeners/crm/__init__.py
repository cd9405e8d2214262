"""Sources of the customer file: files, any SQL database, HubSpot, Salesforce. `base.py` holds what they all are."""
