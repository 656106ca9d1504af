"""How much memory a GPU has left."""

import torch


def free_memory(device: torch.device) -> int:
    """Bytes of a CUDA device that may be allocated, with those that PyTorch keeps of what was freed."""
    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
