"""How panels look: curves with intervals, heat maps, latent variables. Plain numbers in. Needs matplotlib."""
