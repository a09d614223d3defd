"""Times training steps in plain PyTorch and prints one line of JSON; the peer of Aconite's example `step`."""

import argparse
import json
import statistics
import time

import torch
from torch import nn

import nets


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--net", choices=sorted(nets.NETS), required=True)
    arguments.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--batch", type=int, default=128)
    arguments.add_argument("--warm-up", type=int, default=15)
    arguments.add_argument("--steps", type=int, default=60)
    a = arguments.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    build, shape = nets.NETS[a.net]
    model = build()
    model.train()
    rows = a.batch * (a.warm_up + a.steps)
    images = torch.randint(0, 256, (rows, *shape), dtype=torch.uint8)
    labels = torch.arange(rows) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    loss_function = nn.CrossEntropyLoss()

    ends = []
    running_loss = torch.zeros(())
    for batch in torch.randperm(rows).split(a.batch):
        x = (images[batch].float() / 255 - 0.5) / 0.5
        y = labels[batch]
        optimizer.zero_grad()
        # Automatic mixed precision is how PyTorch users train in bf16.
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=a.precision == "bf16"):
            loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        running_loss += loss.detach()
        ends.append(time.perf_counter())
    ends = ends[max(a.warm_up, 1) - 1 :]
    print(
        json.dumps(
            {
                "parameters": sum(p.numel() for p in model.parameters()),
                "step_ms": 1e3 * statistics.median(b - a for a, b in zip(ends, ends[1:])),
                "torch": torch.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
