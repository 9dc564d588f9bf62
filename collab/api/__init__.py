"""JSON for the browser code: strict in what it takes, translated in what it says."""
