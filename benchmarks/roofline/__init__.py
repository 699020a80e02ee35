"""Upper bounds of GPU throughput, calculated for networks and image sizes."""
