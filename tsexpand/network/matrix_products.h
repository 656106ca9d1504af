// Products of matrices of few rows with those of weights, as `winograd.py` arranges them: float32, or bfloat16 in pairs.

#include "full_resolution.h"

namespace {

constexpr long PANEL = 16;  // outputs whose weights lie side by side

// What follows adds up products of inputs with weights of VECTORS vectors of outputs.
#if defined(__GNUC__) && !defined(__clang__)  // whose sums would not stay in registers otherwise
#define INLINE inline __attribute__((always_inline))
#else
#define INLINE inline
#endif

// Float32: an input and a row of weights.
template <int ROWS, int VECTORS>
INLINE void add_products(Floats (&sums)[ROWS][VECTORS], const float *inputs, long stride, const float *const weights[],
                         long depth, const float *ahead) {
    for (long k = 0; k < depth; ++k) {
        __builtin_prefetch(ahead + k * 16, 0, 2);
        Floats row[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) row[v] = load<Floats>(weights[v] + k * PANEL);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sums[r][v] += inputs[r * stride + k] * row[v];
    }
}

// Bfloat16: two inputs, and their rows of weights, whose numbers take turns.
template <int ROWS, int VECTORS>
INLINE void add_products(Floats (&sums)[ROWS][VECTORS], const Bfloat16 *inputs, long stride,
                         const Bfloat16 *const weights[], long depth, const Bfloat16 *ahead) {
    for (long k = 0; k < depth; k += 2) {
        __builtin_prefetch(ahead + k * 16, 0, 2);
        Words row[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) row[v] = load<Words>(weights[v] + k * PANEL);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r) {
            const uint32_t pair = load<uint32_t>(inputs + r * stride + k);
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sums[r][v] = added_pair(sums[r][v], pair, row[v]);
        }
    }
}

template <int ROWS, typename Number>
INLINE void multiply_rows(const Number *inputs, long stride, const Number *weights, long depth, float *results,
                          const Number *ahead) {
    constexpr int VECTORS = LANES == 16 ? 4 : 2;  // sums of six rows are as many as there are registers for
    for (long first = 0; first < FEATURES; first += VECTORS * LANES) {
        const Number *columns[VECTORS];
        Floats sums[ROWS][VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) {
            const long output = first + v * LANES;
            columns[v] = weights + output / PANEL * PANEL * depth + output % PANEL * (4 / long(sizeof(Number)));
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; ++r) sums[r][v] = Floats{};
        }
        add_products<ROWS, VECTORS>(sums, inputs, stride, columns, depth, ahead);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) store(results + r * FEATURES + first + v * LANES, sums[r][v]);
    }
}

// (count, depth) inputs, so far from one row to the next, times (depth, FEATURES) weights. Meanwhile those that come next
// are fetched from where all cores keep them.
template <typename Number>
void multiply(const Number *inputs, long stride, long count, const Number *weights, long depth, float *results,
              const Number *ahead) {
    const auto advance = [&](long rows) {
        inputs += rows * stride;
        results += rows * FEATURES;
        ahead += depth * 16;
        count -= rows;
    };
    for (; count >= 6; advance(6)) multiply_rows<6>(inputs, stride, weights, depth, results, ahead);
    if (count >= 4) multiply_rows<4>(inputs, stride, weights, depth, results, ahead), advance(4);
    if (count >= 2) multiply_rows<2>(inputs, stride, weights, depth, results, ahead), advance(2);
    if (count) multiply_rows<1>(inputs, stride, weights, depth, results, ahead);
}

}  // namespace
