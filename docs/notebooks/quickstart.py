# %% [markdown]
# # From generated faces to a checked CSV
#
# The whole way of a face competition, on faces that the package draws: no download, no GPU, about a minute.
# Each step leaves records on disk, so that the kernel can be restarted anywhere.

# %%
import torch
from torch.nn import functional as F

import kaggle_face as kf

root = kf.generate_faces("data/faces", num_identities=8)
root

# %% [markdown]
# ## The project
# Settings come from a file (here those of the demo) and from what differs; data is read when it is needed.

# %%
project = kf.open_project(
    "demo",
    {"data.root": str(root), "data.image_size": 32, "train.epochs": 4, "folds.count": 2, "train.threads": 1},
)
project.counts()

# %%
project.show_images(10)

# %% [markdown]
# ## Training
# A fold that is finished is skipped, one that was stopped goes on: run the cell again after an interrupt.

# %%
run = project.train(run="main")
run

# %%
run.history[["fold", "epoch", "train_loss", "accuracy", "eer"]]

# %% [markdown]
# ## What was held out
# Predictions of images that a fold did not train on, and scores of trials between people it never saw.

# %%
predictions = run.out_of_fold("classification")
predictions.frame.sort_values("probability").head()

# %%
trials = run.out_of_fold("verification")
first_fold = trials.folds == 0
kf.metrics.equal_error_rate(trials.scores[first_fold], trials.is_same[first_fold])

# %% [markdown]
# ## Test set, blend, CSVs
# Weights of the blend are chosen on held-out images; every CSV is checked before it is written.

# %%
run.predict()

# %%
blend = project.ensemble([run])
blend

# %%
project.write_submissions(blend)

# %% [markdown]
# ## Parts that work alone
# A head with a margin and CutMix in a training loop of plain PyTorch.

# %%
torch.manual_seed(0)
images, labels = torch.rand(16, 3, 32, 32), torch.arange(16) % 4
backbone = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 64))
head = kf.heads.ArcFace(num_classes=4, embedding_size=64, margin=0.3, scale=16.0)
optimizer = torch.optim.SGD([*backbone.parameters(), *head.parameters()], lr=0.1)
for step in range(3):
    mixed, first, second, share = kf.cutmix(images, labels, seed=step)
    embeddings = backbone(mixed)
    loss = share * F.cross_entropy(head(embeddings, first), first)
    loss = loss + (1 - share) * F.cross_entropy(head(embeddings, second), second)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
float(loss)
