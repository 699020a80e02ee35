"""Networks: backbones, pooling, necks, heads, weights, averages, batched inference."""
