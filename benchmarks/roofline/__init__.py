"""What GPUs can do at most, calculated for networks and sizes."""
