// What both ways of the full-resolution part share: activations, the first layers, bfloat16.

#include "../compiled/vectors.h"

namespace {

typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));

typedef uint16_t Bfloat16;  // as it lies in memory

constexpr long FEATURES = 64;  // channels of all layers but one
constexpr long LOCAL = 128;    // and of that
constexpr long HALO = 8;

// To the nearest, of two equally near the even one; of finite numbers.
inline Halves rounded(Floats x) {
#if defined(__AVX512BF16__) && defined(__AVX512F__)
    return as<Halves>(_mm512_cvtneps_pbh(as<__m512>(x)));
#else
    const Words bits = as<Words>(x);
    return __builtin_convertvector((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16, Halves);
#endif
}

// Adds the products of two bfloat16, the first in the lower half, with two rows of weights that take turns.
inline Floats added_pair(Floats sums, uint32_t inputs, Words weights) {
#if defined(__AVX512BF16__) && defined(__AVX512F__)
    return as<Floats>(_mm512_dpbf16_ps(as<__m512>(sums), as<__m512bh>(_mm512_set1_epi32(inputs)), as<__m512bh>(weights)));
#else
    sums += as<float>(inputs << 16) * as<Floats>(weights << 16);
    return sums + as<float>(inputs & 0xffff0000u) * as<Floats>(weights & 0xffff0000u);
#endif
}

inline void store(Bfloat16 *to, Floats x) {
    const Halves halves = rounded(x);
    std::memcpy(to, &halves, sizeof halves);
}

inline Floats selu(Floats x) {
    const Floats zero = {};
    const Floats lowest = zero - 80.0f;
    const Floats positive = x > zero ? x : zero;
    Floats negative = x < zero ? x : zero;
    negative = negative > lowest ? negative : lowest;
    return positive * 1.05070099f + (exponential(negative) * 1.75809934f - 1.75809934f);
}

inline float sum(Floats x) {
    typedef float Four __attribute__((vector_size(16)));
    float of[LANES];
    std::memcpy(of, &x, sizeof x);
    Four four = load<Four>(of) + load<Four>(of + 4);
    if (LANES == 16) four += load<Four>(of + LANES - 8) + load<Four>(of + LANES - 4);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

// A layer's weights that are float32.
struct Activation {
    const float *bias, *average;
};

struct First {
    const float *weights;  // (3, 3, 3, FEATURES)
    Activation activation;
};

// All of them, where `Kernels.exact` has them, in its order.
struct Exact {
    First local_first, mid_first;
    Activation of_local, of_mid[2];
    const float *fusion_bias, *last, *last_bias;

    explicit Exact(const float *exact) {
        const auto vector = [&](long length) {
            const float *here = exact;
            exact += length;
            return here;
        };
        const auto activation = [&](long length) {
            const float *bias = vector(length);
            return Activation{bias, vector(length)};
        };
        local_first.weights = vector(27 * FEATURES);
        local_first.activation = activation(FEATURES);
        of_local = activation(LOCAL);
        mid_first.weights = vector(27 * FEATURES);
        mid_first.activation = activation(FEATURES);
        for (Activation &layer : of_mid) layer = activation(FEATURES);
        fusion_bias = vector(FEATURES);
        last = vector(3 * FEATURES);
        last_bias = vector(3);
    }
};

// A bias of a convolution's results, SELU, and less the average of what comes of flat pictures.
inline Floats activated(Floats results, const Activation &activation, long channel) {
    return selu(results + load<Floats>(activation.bias + channel)) - load<Floats>(activation.average + channel);
}

template <int PIXELS, int STEP, typename Number>
inline void begin_block(const float *const signal[3], long dilation, const First &layer, Number *to) {
    constexpr int VECTORS = 4;
    for (long first = 0; first < FEATURES; first += VECTORS * LANES) {
        const float *weights = layer.weights + first;
        Floats sums[PIXELS][VECTORS];
#pragma GCC unroll 8
        for (int pixel = 0; pixel < PIXELS; ++pixel)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sums[pixel][v] = Floats{};
        for (int row = 0; row < 3; ++row)
            for (int column = 0; column < 3; ++column)
#pragma GCC unroll 3
                for (int primary = 0; primary < 3; ++primary, weights += FEATURES) {
                    const float *from = signal[row] + column * dilation * 3 + primary;
#pragma GCC unroll 8
                    for (int pixel = 0; pixel < PIXELS; ++pixel)
#pragma GCC unroll 4
                        for (int v = 0; v < VECTORS; ++v)
                            sums[pixel][v] += from[3 * STEP * pixel] * load<Floats>(weights + v * LANES);
                }
        for (int pixel = 0; pixel < PIXELS; ++pixel)
            for (int v = 0; v < VECTORS; ++v) {
                const long channel = first + v * LANES;
                store(to + pixel * FEATURES + channel, activated(sums[pixel][v], layer.activation, channel));
            }
    }
}

// A row of a first layer, in float32, which can tell bright codes apart; of every STEP-th pixel.
template <int STEP, typename Number>
void begin_row(const float *const signal[3], long width, long dilation, const First &layer, Number *to) {
    constexpr int AT_ONCE = LANES == 16 ? 6 : 3;  // as many sums as there are registers for
    const float *rows[3] = {signal[0], signal[1], signal[2]};
    const auto advance = [&](long pixels) {
        for (const float *&row : rows) row += 3 * STEP * pixels;
        to += FEATURES * pixels;
    };
    for (; width >= AT_ONCE; width -= AT_ONCE, advance(AT_ONCE)) begin_block<AT_ONCE, STEP>(rows, dilation, layer, to);
    for (; width > 0; --width, advance(1)) begin_block<1, STEP>(rows, dilation, layer, to);
}

// The last rows of a layer, each in the place of one that is not needed any more.
template <typename Number>
class Ring {
public:
    Ring(Number *memory, long rows, long length) : memory_(memory), rows_(rows), length_(length) {}
    Number *operator[](long row) const { return memory_ + row % rows_ * length_; }

private:
    Number *memory_;
    long rows_, length_;
};

}  // namespace
