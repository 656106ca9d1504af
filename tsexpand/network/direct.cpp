// The full-resolution part of ExpandNet on one part of a frame, for CPUs that multiply whole matrices at once.
//
// All layers go down the part together, row by row: of each layer only the rows are kept that the next one looks at, so
// that nothing leaves a core's cache. A 3x3 convolution is nine products of matrices whose rows are neighbouring pixels
// as they lie in memory, summed in the tile registers. What a pixel becomes depends neither on its place nor on the
// size of the part, to the last bit.
//
// Without MATRICES the products are plain loops: for the tests, on CPUs that have no tile registers.
//
// Reference: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18: AMX.

#include "full_resolution.h"

#include <type_traits>

namespace {

constexpr long ROWS = 16;              // of a tile register: pixels, or pairs of inputs
constexpr long PAIR = 32;              // products that a register adds up, and outputs of two of them
constexpr long OPERAND = ROWS * PAIR;  // numbers of a register of weights

// As `direct.py` arranges them.
struct Weights : Exact {
    const Bfloat16 *local, *mid[3], *fusion;

    Weights(const Bfloat16 *products, const float *exact) : Exact(exact) {
        const auto product = [&](long outputs, long inputs, long taps) {
            const Bfloat16 *here = products;
            products += outputs * inputs * taps;
            return here;
        };
        local = product(LOCAL, FEATURES, 9);
        for (const Bfloat16 *&layer : mid) layer = product(FEATURES, FEATURES, 9);
        fusion = product(FEATURES, LOCAL, 1);
    }
};

// Sums of products: of two times sixteen pixels and of two times sixteen channels.
struct alignas(64) Sums {
    float of[2 * ROWS][PAIR];
};

#ifdef MATRICES

struct alignas(64) Configuration {
    uint8_t palette = 0, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
};

// Tile registers of sixteen rows of 64 bytes while this lives, then as they were: others use them too.
class Registers {
public:
    Registers() {
        // Not by the intrinsics: those of GCC before 13.3 tell the compiler of eight of the bytes.
        asm volatile("sttilecfg %0" : "=m"(before_));
        Configuration own;
        own.palette = 1;
        for (int i = 0; i < 8; ++i) {
            own.row_bytes[i] = 64;
            own.rows[i] = ROWS;
        }
        configure(own);
    }
    ~Registers() { configure(before_); }  // without a palette it releases them
    Registers(const Registers &) = delete;

private:
    static void configure(const Configuration &configuration) { asm volatile("ldtilecfg %0" ::"m"(configuration)); }
    Configuration before_;
};

// Begins sums of one or two times sixteen pixels.
template <int BLOCKS>
inline void begin(Sums &) {
    asm volatile("" ::: "memory");  // the loads do not tell the compiler what they read
    _tile_zero(0);
    _tile_zero(1);
    if (BLOCKS == 2) {
        _tile_zero(2);
        _tile_zero(3);
    }
}

// Adds products of a pixel's channels.
template <int BLOCKS, long CHANNELS>
inline void add(Sums &, const Bfloat16 *pixels, const Bfloat16 *weights) {
    for (long channel = 0; channel < CHANNELS; channel += PAIR, weights += 2 * OPERAND) {
        _tile_loadd(4, pixels + channel, 2 * CHANNELS);
        _tile_loadd(6, weights, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, weights + OPERAND, 64);
        _tile_dpbf16ps(1, 4, 7);
        if (BLOCKS == 2) {
            _tile_loadd(5, pixels + channel + ROWS * CHANNELS, 2 * CHANNELS);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
}

template <int BLOCKS>
inline void end(Sums &sums) {
    _tile_stored(0, sums.of[0], 4 * PAIR);
    _tile_stored(1, sums.of[0] + ROWS, 4 * PAIR);
    if (BLOCKS == 2) {
        _tile_stored(2, sums.of[ROWS], 4 * PAIR);
        _tile_stored(3, sums.of[ROWS] + ROWS, 4 * PAIR);
    }
}

#else

class Registers {};

template <int BLOCKS>
inline void begin(Sums &sums) {
    std::memset(&sums, 0, sizeof sums);
}

template <int BLOCKS, long CHANNELS>
inline void add(Sums &sums, const Bfloat16 *pixels, const Bfloat16 *weights) {
    for (long channel = 0; channel < CHANNELS; channel += PAIR, weights += 2 * OPERAND)
        for (long pixel = 0; pixel < BLOCKS * ROWS; ++pixel)
            for (long k = 0; k < PAIR; k += 2) {
                const uint32_t inputs = load<uint32_t>(pixels + pixel * CHANNELS + channel + k);
                for (long output = 0; output < PAIR; output += LANES)
                    store(sums.of[pixel] + output,
                          added_pair(load<Floats>(sums.of[pixel] + output), inputs,
                                     load<Words>(weights + output / ROWS * OPERAND + k * ROWS + output % ROWS * 2)));
            }
}

template <int BLOCKS>
inline void end(Sums &) {}

#endif

// A row of sums, block by block: `add` adds a step of a block's products, `finish` takes some of its pixels. The pixels of
// a block are finished between the steps of the next one: what multiplies matrices works beside what computes vectors.
template <int STEPS, typename Add, typename Finish>
inline void in_blocks(long width, Add add, Finish finish) {
    Sums sums[2];
    long before = 0, waiting = 0;  // first pixel, and number, of those that wait to be finished
    int current = 0;
    const auto block = [&](auto blocks, long x) {
        begin<blocks>(sums[current]);
        for (long step = 0; step < STEPS; ++step) {
            add(blocks, sums[current], x, step);
            finish(sums[1 - current], before, waiting * step / STEPS, waiting * (step + 1) / STEPS);
        }
        end<blocks>(sums[current]);
        before = x;
        waiting = blocks * ROWS;
        current = 1 - current;
    };
    for (long x = 0; x < width; x += 2 * ROWS) {
        if (x + ROWS < width)
            block(std::integral_constant<int, 2>(), x);
        else
            block(std::integral_constant<int, 1>(), x);
    }
    finish(sums[1 - current], before, 0, waiting);
}

// A pixel's neighbours in three rows, and pixels between them.
struct Rows {
    const Bfloat16 *row[3];
    long dilation;
    const Bfloat16 *neighbour(long x, long tap) const { return row[tap / 3] + (x + tap % 3 * dilation) * FEATURES; }
};

// A row of a hidden layer, some pixels beyond its width too.
void convolve(const Rows &from, long width, const Bfloat16 *weights, const Activation &activation, Bfloat16 *to,
              long channels) {
    for (long first = 0; first < channels; first += PAIR, weights += 9 * PAIR * FEATURES)
        in_blocks<9>(
            width,
            [=](auto blocks, Sums &sums, long x, long tap) {
                add<blocks, FEATURES>(sums, from.neighbour(x, tap), weights + tap * PAIR * FEATURES);
            },
            [=](const Sums &sums, long x, long pixel, long end) {
                for (; pixel < end; ++pixel)
                    for (long channel = 0; channel < PAIR; channel += LANES)
                        store(to + (x + pixel) * channels + first + channel,
                              activated(load<Floats>(sums.of[pixel] + channel), activation, first + channel));
            });
}

// A row of logits: the last dilated layer with the fusion, and the last layer.
void fuse(const Rows &mid, const Bfloat16 *local, long width, const Weights &w, const float *bias,
          float *const logits[3]) {
    for (long primary = 0; primary < 3; ++primary)
        for (long x = 0; x < width; ++x) logits[primary][x] = w.last_bias[primary];
    for (long first = 0; first < FEATURES; first += PAIR) {
        const Bfloat16 *of_mid = w.mid[2] + first * FEATURES * 9, *of_local = w.fusion + first * LOCAL;
        in_blocks<10>(
            width,
            [=](auto blocks, Sums &sums, long x, long step) {
                if (step < 9)
                    add<blocks, FEATURES>(sums, mid.neighbour(x, step), of_mid + step * PAIR * FEATURES);
                else
                    add<blocks, LOCAL>(sums, local + x * LOCAL, of_local);
            },
            [&](const Sums &sums, long x, long pixel, long end) {
                for (; pixel < end && x + pixel < width; ++pixel) {
                    Floats totals[3] = {};
                    for (long channel = 0; channel < PAIR; channel += LANES) {
                        const long own = first + channel;
                        const Floats fused = selu(load<Floats>(sums.of[pixel] + channel) + load<Floats>(bias + own));
                        for (long primary = 0; primary < 3; ++primary)
                            totals[primary] += fused * load<Floats>(w.last + primary * FEATURES + own);
                    }
                    for (long primary = 0; primary < 3; ++primary) logits[primary][x + pixel] += sum(totals[primary]);
                }
            });
    }
}

}  // namespace

// Logits of a part of a frame, see `compiled.py`.
//
// signal: (height + 16, width + 16, 3), R'G'B' in [0, 1].
// global_features: (64,).
// products, exact: as arranged above.
// logits: (3, height, width), the result.
//
// Returns 0, or 1 where there is no memory.
extern "C" int expand(const float *signal, long height, long width, const float *global_features,
                      const Bfloat16 *products, const float *exact, float *logits) {
    static thread_local Memory memory;
    const Weights w(products, exact);
    const long capacity = (width + 2 * HALO + ROWS - 1) / ROWS * ROWS + 2 * HALO, length = capacity * FEATURES;
    Bfloat16 *place = reinterpret_cast<Bfloat16 *>(memory.of((3 * 5 + 3 + 2) * length * sizeof(Bfloat16)));
    if (!place) return 1;
    const Ring<Bfloat16> mid_first(place, 5, length), mid_1(place + 5 * length, 5, length);
    const Ring<Bfloat16> mid_2(place + 10 * length, 5, length), local_first(place + 15 * length, 3, length);
    Bfloat16 *const local = place + 18 * length;
    alignas(64) float bias[FEATURES];
    for (long i = 0; i < FEATURES; ++i) bias[i] = w.fusion_bias[i] + global_features[i];
    const auto signal_rows = [&](long row, long column, long dilation, const float *rows[3]) {
        for (long i = 0; i < 3; ++i) rows[i] = signal + ((row + i * dilation) * (width + 2 * HALO) + column) * 3;
    };
    const auto around = [](const Ring<Bfloat16> &ring, long row, long dilation) {
        return Rows{{ring[row], ring[row + dilation], ring[row + 2 * dilation]}, dilation};
    };
    [[maybe_unused]] const Registers registers;
    const float *rows[3];
    // A row of each layer needs rows of the one before it up to four further down, or two of the local branch.
    for (long row = 0; row < height + 12; ++row) {
        signal_rows(row, 0, 2, rows);
        begin_row<1>(rows, width + 12, 2, w.mid_first, mid_first[row]);
        if (row < 4) continue;
        convolve(around(mid_first, row - 4, 2), width + 8, w.mid[0], w.of_mid[0], mid_1[row - 4], FEATURES);
        if (row < 8) continue;
        convolve(around(mid_1, row - 8, 2), width + 4, w.mid[1], w.of_mid[1], mid_2[row - 8], FEATURES);
        if (row < 10) continue;
        signal_rows(row - 10 + HALO - 2, HALO - 2, 1, rows);
        begin_row<1>(rows, width + 2, 1, w.local_first, local_first[row - 10]);
        if (row < 12) continue;
        const long y = row - 12;
        convolve(around(local_first, y, 1), width, w.local, w.of_local, local, LOCAL);
        float *const here[3] = {logits + y * width, logits + (height + y) * width, logits + (2 * height + y) * width};
        fuse(around(mid_2, y, 2), local, width, w, bias, here);
    }
    return 0;
}
