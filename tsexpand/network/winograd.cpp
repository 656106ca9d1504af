// The full-resolution part of ExpandNet on one part of a frame, in fewer multiplications: Winograd's minimal filtering
// F(4x4, 3x3), see `minimal_filtering.py`.
//
// A dilated convolution is an ordinary one on every second row and column: such a quarter of the part goes through all
// dilated layers by itself. Layers go down it together, four rows of a layer at a time, and of each only the rows are
// kept that the next one looks at; transforms and products are made for as many blocks of four by four pixels at once as
// stay in a core's cache. A pixel is computed in the same way, to the last bit, in any part whose place and size are
// multiples of eight.
//
// Of NUMBER, float or Bfloat16, are features, what is transformed of them, and the weights of products; sums and all
// else are float32.

#include "matrix_products.h"

namespace {

constexpr long SIZE = 4;          // rows and columns of a block of results
constexpr long REACH = SIZE + 2;  // of the block that it depends on
constexpr long PLACES = REACH * REACH;
constexpr long AT_ONCE = 24;  // blocks: of 64 channels 0.2 MB of float32
constexpr long RING = 2 * SIZE;
constexpr long BEYOND = 8;  // pixels below and right of the halo: results of a block are rounded by all of its inputs

typedef NUMBER Number;

// As `winograd.py` arranges them.
struct Weights : Exact {
    const Number *local[2], *mid[3], *fusion;

    Weights(const Number *products, const float *exact) : Exact(exact) {
        const auto product = [&](long inputs, long places) {
            const Number *here = products;
            products += FEATURES * inputs * places;
            return here;
        };
        for (const Number *&half : local) half = product(FEATURES, PLACES);
        for (const Number *&layer : mid) layer = product(FEATURES, PLACES);
        fusion = product(LOCAL, 1);
    }
};

inline Floats widened(const float *from) { return load<Floats>(from); }

inline Floats widened(const Bfloat16 *from) {
    return as<Floats>(__builtin_convertvector(load<Halves>(from), Words) << 16);
}

// B^T of the papers that `minimal_filtering.py` names, in one dimension: of rows, and of columns.
inline void transform_inputs(const Floats (&x)[REACH], Floats (&result)[REACH]) {
    const Floats near = x[3] - x[1], far = x[4] - x[2];
    const Floats odd = near + 1.5f * x[2], even = far + 1.5f * x[3];
    result[0] = x[0] - x[2] + far + 1.5f * near;
    result[1] = even + odd;
    result[2] = even - odd;
    result[3] = far + 2.0f * near;
    result[4] = far - 0.5f * near;
    result[5] = x[5] - x[3] - near + 1.5f * far;
}

// A^T, likewise.
inline void transform_products(const Floats (&y)[REACH], Floats (&result)[SIZE]) {
    const Floats near = y[1] + y[2], step = y[1] - y[2];
    result[0] = y[0] + near + (y[3] + y[4]);
    result[1] = step + 0.5f * y[3] - 2.0f * y[4];
    result[2] = near + 0.25f * y[3] + 4.0f * y[4];
    result[3] = step + 0.125f * y[3] - 8.0f * y[4] + y[5];
}

// From one place in the blocks to the next: not a power of two, or they would be in one another's way in the cache.
constexpr long DISTANCE = AT_ONCE * FEATURES + 32;

// Memory for what is transformed of so many blocks.
struct Scratch {
    Number *inputs;   // (PLACES, DISTANCE): (AT_ONCE, FEATURES), and a rest
    float *products;  // likewise
};

// Blocks of a row of them, of rows that hold FEATURES channels a pixel, to `inputs`.
void transform(const Number *const rows[REACH], long first, long count, Number *inputs) {
    Floats kept[FEATURES / LANES][REACH][REACH];  // columns of a block, transformed; two are the next one's, too
    const auto transform_column = [&](long x, long channel, Floats(&to)[REACH]) {
        Floats column[REACH];
        for (long row = 0; row < REACH; ++row) column[row] = widened(rows[row] + x * FEATURES + channel);
        transform_inputs(column, to);
    };
    for (long v = 0; v < FEATURES / LANES; ++v)
        for (long column = 0; column < 2; ++column) transform_column(first * SIZE + column, v * LANES, kept[v][column]);
    for (long block = 0; block < count; ++block) {
        long at[REACH];
        for (long column = 0; column < REACH; ++column) at[column] = (block * SIZE + column) % REACH;
        for (long v = 0; v < FEATURES / LANES; ++v) {
            for (long column = 2; column < REACH; ++column)
                transform_column((first + block) * SIZE + column, v * LANES, kept[v][at[column]]);
            for (long row = 0; row < REACH; ++row) {
                Floats before[REACH], after[REACH];
                for (long column = 0; column < REACH; ++column) before[column] = kept[v][at[column]][row];
                transform_inputs(before, after);
                Number *const to = inputs + row * REACH * DISTANCE + block * FEATURES + v * LANES;
                for (long column = 0; column < REACH; ++column) store(to + column * DISTANCE, after[column]);
            }
        }
    }
}

// What becomes of transformed blocks: products with weights, and back. `take` gets row, column and channel in the blocks.
template <typename Take>
inline void filter(const Scratch &scratch, long count, const Number *weights, Take take) {
    for (long place = 0; place < PLACES; ++place)
        multiply(scratch.inputs + place * DISTANCE, FEATURES, count, weights + place * FEATURES * FEATURES,
                 FEATURES, scratch.products + place * DISTANCE, weights + (place + 1) * FEATURES * FEATURES);
    for (long block = 0; block < count; ++block)
        for (long channel = 0; channel < FEATURES; channel += LANES) {
            const float *const from = scratch.products + block * FEATURES + channel;
            Floats rows[SIZE][REACH];
            for (long column = 0; column < REACH; ++column) {
                Floats before[REACH], after[SIZE];
                for (long row = 0; row < REACH; ++row) before[row] = load<Floats>(from + (row * REACH + column) * DISTANCE);
                transform_products(before, after);
                for (long row = 0; row < SIZE; ++row) rows[row][column] = after[row];
            }
            for (long row = 0; row < SIZE; ++row) {
                Floats results[SIZE];
                transform_products(rows[row], results);
                for (long column = 0; column < SIZE; ++column) take(row, block * SIZE + column, channel, results[column]);
            }
        }
}

// Four rows of a layer from six of the one before it; `take` gets row, column and channel.
template <typename Take>
inline void convolve(const Ring<Number> &from, long row, long blocks, const Number *weights, const Scratch &scratch,
                     Take take) {
    const Number *rows[REACH];
    for (long i = 0; i < REACH; ++i) rows[i] = from[row + i];
    for (long first = 0; first < blocks; first += AT_ONCE) {
        const long count = blocks - first < AT_ONCE ? blocks - first : AT_ONCE;
        transform(rows, first, count, scratch.inputs);
        filter(scratch, count, weights, [&](long y, long x, long channel, Floats result) {
            take(row + y, first * SIZE + x, channel, result);
        });
    }
}

struct Part {
    const float *signal;  // (height + 24, width + 24, 3)
    long height, width;
    // Three rows below each other, from a pixel on; none beyond the last.
    void rows(long row, long column, long dilation, const float *to[3]) const {
        for (long i = 0; i < 3; ++i) {
            const long wanted = row + i * dilation, last = height + 2 * HALO + BEYOND - 1;
            to[i] = signal + ((wanted < last ? wanted : last) * (width + 2 * HALO + BEYOND) + column) * 3;
        }
    }
};

// The dilated layers, on one of four quarters of the pixels: their share of the fusion.
void dilated(const Part &part, long top, long left, const Weights &w, const Scratch &scratch, Number *memory,
             float *shares) {
    const long blocks = part.width / 2 / SIZE, groups = part.height / 2 / SIZE;
    const long length = (blocks + 3) * SIZE * FEATURES;
    const Ring<Number> first(memory, RING, length), middle[2] = {{memory + RING * length, RING, length},
                                                                 {memory + 2 * RING * length, RING, length}};
    for (long group = 0; group < groups + 3; ++group) {
        for (long row = group * SIZE; row < (group + 1) * SIZE; ++row) {
            const float *rows[3];
            part.rows(2 * row + top, left, 2, rows);
            begin_row<2>(rows, part.width / 2 + BEYOND + 2, 2, w.mid_first, first[row]);
        }
        for (long layer = 0; layer < 2; ++layer)
            if (group > layer)
                convolve(layer ? middle[0] : first, (group - layer - 1) * SIZE, blocks + 2 - layer, w.mid[layer], scratch,
                         [&](long y, long x, long channel, Floats result) {
                             store(middle[layer][y] + x * FEATURES + channel,
                                   activated(result, w.of_mid[layer], channel));
                         });
        if (group > 2)
            convolve(middle[1], (group - 3) * SIZE, blocks, w.mid[2], scratch,
                     [&](long y, long x, long channel, Floats result) {
                         store(shares + ((2 * y + top) * part.width + 2 * x + left) * FEATURES + channel, result);
                     });
    }
}

// Pixels of a row of logits: the fusion of both branches, its activation, and the last layer.
void fuse(const Number *local, long count, const float *shares, const Weights &w, const float *bias, float *products,
          float *const logits[3]) {
    multiply(local, LOCAL, count, w.fusion, LOCAL, products, w.local[0]);
    for (long pixel = 0; pixel < count; ++pixel) {
        Floats totals[3] = {};
        for (long channel = 0; channel < FEATURES; channel += LANES) {
            const long own = pixel * FEATURES + channel;
            const Floats fused = selu(load<Floats>(products + own) + load<Floats>(shares + own) + load<Floats>(bias + channel));
            for (long primary = 0; primary < 3; ++primary)
                totals[primary] += fused * load<Floats>(w.last + primary * FEATURES + channel);
        }
        for (long primary = 0; primary < 3; ++primary) logits[primary][pixel] = sum(totals[primary]) + w.last_bias[primary];
    }
}

// The local branch, four rows at a time, and what follows.
void local_and_fusion(const Part &part, const Weights &w, const Scratch &scratch, Number *memory, Number *features,
                      const float *shares, const float *bias, float *logits) {
    const long length = (part.width + SIZE) * FEATURES;
    const Ring<Number> first(memory, RING, length);
    for (long group = 0; group <= part.height / SIZE; ++group) {
        for (long row = group * SIZE; row < (group + 1) * SIZE; ++row) {
            const float *rows[3];
            part.rows(row + HALO - 2, HALO - 2, 1, rows);
            begin_row<1>(rows, part.width + 2, 1, w.local_first, first[row]);
        }
        if (group == 0) continue;
        const long top = (group - 1) * SIZE, blocks = part.width / SIZE;
        const Number *rows[REACH];
        for (long i = 0; i < REACH; ++i) rows[i] = first[top + i];
        for (long before = 0; before < blocks; before += AT_ONCE) {
            const long count = blocks - before < AT_ONCE ? blocks - before : AT_ONCE, pixels = count * SIZE;
            transform(rows, before, count, scratch.inputs);
            for (long half = 0; half < 2; ++half)
                filter(scratch, count, w.local[half], [&](long y, long x, long channel, Floats result) {
                    const long own = half * FEATURES + channel;
                    store(features + (y * pixels + x) * LOCAL + own, activated(result, w.of_local, own));
                });
            for (long y = 0; y < SIZE; ++y) {
                const long place = (top + y) * part.width + before * SIZE, area = part.height * part.width;
                float *const here[3] = {logits + place, logits + area + place, logits + 2 * area + place};
                fuse(features + y * pixels * LOCAL, pixels, shares + place * FEATURES, w, bias, scratch.products, here);
            }
        }
    }
}

}  // namespace

// Logits of a part of a frame, whose height and width are multiples of eight; see `compiled.py`.
//
// signal: (height + 24, width + 24, 3), R'G'B' in [0, 1].
// global_features: (64,).
// products, exact: as arranged above.
// logits: (3, height, width), the result.
//
// Returns 0, or 1 where there is no memory.
extern "C" int expand(const float *signal, long height, long width, const float *global_features,
                      const Number *products, const float *exact, float *logits) {
    static thread_local Memory memory;
    const Weights w(products, exact);
    const long shared = height * width * FEATURES, features = AT_ONCE * SIZE * SIZE * LOCAL;
    const long length = 3 * (width / 2 + 3 * SIZE) > width + SIZE ? 3 * (width / 2 + 3 * SIZE) : width + SIZE;
    const long inputs = PLACES * DISTANCE, results = inputs, rings = RING * length * FEATURES;
    char *place = memory.of((shared + results) * sizeof(float) + (inputs + rings + features) * sizeof(Number));
    if (!place) return 1;
    float *const shares = reinterpret_cast<float *>(place);
    const Scratch scratch = {reinterpret_cast<Number *>(shares + shared + results), shares + shared};
    Number *const ring = scratch.inputs + inputs;
    const Part part = {signal, height, width};
    alignas(64) float bias[FEATURES];
    for (long i = 0; i < FEATURES; ++i) bias[i] = w.fusion_bias[i] + global_features[i];
    for (long top = 0; top < 2; ++top)
        for (long left = 0; left < 2; ++left) dilated(part, top, left, w, scratch, ring, shares);
    local_and_fusion(part, w, scratch, ring, ring + rings, shares, bias, logits);
    return 0;
}
