"""Files of people: kept on disk or in a bucket, given out and taken in by signed addresses."""
