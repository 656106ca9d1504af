"""The full-resolution part of the network on NVIDIA GPUs, a kernel a layer.

Biases and activations are part of the kernels, so that features cross the memory once each way. What a pixel becomes
depends on nothing but what the network sees of it: its sums are added in the same order whatever the part, which cuDNN,
that chooses among algorithms by the shape, does not promise.

Reference:
    NVIDIA CUTLASS documentation, "Implicit GEMM convolution"; Triton tutorials, "Matrix multiplication".
"""

import torch
import triton
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from . import triton_kernels
from .expandnet import FUSED, HALO, ExpandNet
from .kernels import bias_of, convolution, fusion_of

_SIGNAL = 4
"""Values of a pixel as it is packed: R′, G′, B′ and 0, one load."""

_RIM = HALO - 2
"""Rows and columns of the halo that the local branch does not look at."""


_PIXELS = 128
"""That a program computes: what 4 warps multiply at once."""

_LAUNCH = {"num_warps": 4, "num_stages": 3}
"""With it the fastest of what was tried on an H200: 64 to 256 pixels, 4 and 8 warps, 2 to 6 stages."""


class GpuLayers:
    """`ExpandNet.expand`, not padded, in the same roundings in any tile and batch.

    Pixels are numbered throughout parts, so that a tap is a distance and what is loaded lies side by side. What the
    numbers make of the last columns of a row and of the last rows, which have no neighbours there, is never used.

    Args:
        network: on a CUDA device.
        dtype: of the products, float16 or bfloat16; the first layers and the last are float32.
    """

    def __init__(self, network: ExpandNet, dtype: torch.dtype) -> None:
        local, mid = [convolution(m) for m in network.local_net], [convolution(m) for m in network.mid_net]
        last = convolution(network.end_net[1])
        from_local, from_mid, merged = fusion_of(network)
        self._dtype = dtype
        self._firsts = [(*_windows(layer.weight), bias_of(layer).float()) for layer in (local[0], mid[0])]
        self._local = _taps(local[1].weight, dtype), bias_of(local[1]).float()
        self._fusion = from_local.mT.to(dtype).contiguous()
        self._mids = [(_taps(layer.weight, dtype), bias_of(layer).float()) for layer in mid[1:3]]
        self._merged = _taps(merged, dtype)
        self._code_bias = (from_mid @ bias_of(mid[3])).float()
        self._last = last.weight[:, :, 0, 0].float().contiguous(), bias_of(last).float()

    def __call__(self, signal: Tensor, global_features: Tensor) -> Tensor:
        """Logits of parts: (N, 3, h + 2·HALO, w + 2·HALO), float32, and (N, 64) to (N, 3, h, w), float32."""
        # Triton launches on the current device, wherever the tensors are.
        with torch.cuda.device_of(signal):  # type: ignore[no-untyped-call]
            return self._logits(signal, global_features)

    def _logits(self, signal: Tensor, global_features: Tensor) -> Tensor:
        number, _, rows, pitch = signal.shape
        packed = signal.new_zeros(number, rows, pitch, _SIGNAL)
        packed[..., :3] = signal.permute(0, 2, 3, 1)
        share = self._local_share(self._first_layer(packed, 0, 1), pitch)
        mid = self._first_layer(packed, 1, 2)
        for kernel, bias in self._mids:
            mid = self._mid_layer(mid, kernel, bias, pitch)
        return self._last_layers(mid, share, global_features + self._code_bias, rows, pitch)

    def _first_layer(self, packed: Tensor, branch: int, dilation: int) -> Tensor:
        out = self._features(packed, packed[..., 0].numel())
        triton_kernels.first[_grid(len(out))](
            packed, *self._firsts[branch], _rows(out), len(out), packed.shape[2], dilation, _PIXELS, FUSED, **_LAUNCH
        )
        return out

    def _mid_layer(self, features: Tensor, kernel: Tensor, bias: Tensor, pitch: int) -> Tensor:
        out = self._features(features, len(features))
        triton_kernels.convolved[_grid(len(out))](
            _rows(features), _rows(kernel, FUSED), bias, _rows(out), pitch, 2, _PIXELS, FUSED, **_LAUNCH
        )
        return out

    def _local_share(self, features: Tensor, pitch: int) -> Tensor:
        (kernel, bias), wide = self._local, len(self._fusion)
        out = self._features(features, len(features))
        triton_kernels.local[_grid(len(out))](
            _rows(features), _rows(kernel, FUSED), bias, _rows(self._fusion, wide), _rows(out), pitch, _PIXELS, FUSED,
            wide, **_LAUNCH,
        )  # fmt: skip
        return out

    def _last_layers(self, features: Tensor, share: Tensor, code: Tensor, rows: int, pitch: int) -> Tensor:
        height, width = rows - 2 * HALO, pitch - 2 * HALO
        out = code.new_empty(len(code), 3, height, width)
        triton_kernels.logits[*_grid(height * pitch), len(code)](
            _rows(features), _rows(self._merged, FUSED), _rows(share), code, *self._last, out, pitch, rows, height,
            width, _RIM, 2, _PIXELS, FUSED, **_LAUNCH,
        )  # fmt: skip
        return out

    def _features(self, like: Tensor, pixels: int) -> Tensor:
        """Memory for features: pixels, channels."""
        return torch.empty(pixels, FUSED, dtype=self._dtype, device=like.device)


def _windows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Of a first layer (O, 3, 3, 3), as rows of three pixels of `_SIGNAL` values and one of zeros: (3·16, O).

    As a float16, and the float16 of what is left.
    """
    matrix = weight.new_zeros(3, 4, _SIGNAL, len(weight), dtype=torch.float32)
    matrix[:, :3, :3] = weight.permute(2, 3, 1, 0)
    matrix = matrix.flatten(0, 2)
    return matrix.half(), (matrix - matrix.half()).half()


def _taps(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Of a layer (O, I, 3, 3), as a matrix (9·I, O)."""
    return weight.permute(2, 3, 1, 0).flatten(0, 2).to(dtype).contiguous()


def _grid(pixels: int) -> tuple[int]:
    return (triton.cdiv(pixels, _PIXELS),)


def _rows(matrix: Tensor, rows: int = _PIXELS) -> TensorDescriptor:
    """So many rows of a matrix at a time; beyond the last one zeros."""
    return TensorDescriptor.from_tensor(matrix, [rows, matrix.shape[1]])
