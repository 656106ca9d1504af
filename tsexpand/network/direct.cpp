// The full-resolution part of ExpandNet on one part of a frame, for CPUs that multiply whole matrices at once.
//
// All layers go down the part together, row by row: of each layer only the rows are kept that the next one looks at, so
// that nothing leaves a core's cache. A 3x3 convolution is nine products of matrices whose rows are neighbouring pixels
// as they lie in memory, summed in the tile registers. What a pixel becomes depends neither on its place nor on the
// size of the part, to the last bit.
//
// Without MATRICES the products are plain loops: for the tests, on CPUs that have no tile registers.
//
// References:
//     Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18: AMX.
//     GCC manual, "Vector Extensions".

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#ifdef MATRICES
#include <immintrin.h>
#endif

namespace {

typedef float Floats __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));
typedef float Eight __attribute__((vector_size(32)));
typedef float Four __attribute__((vector_size(16)));

constexpr long LANES = 16;     // of a vector, and pixels, channels and pairs of products of a tile register
constexpr long PAIR = 32;      // products that a register adds up, and channels of two of them
constexpr long FEATURES = 64;  // channels of all layers but one
constexpr long LOCAL = 128;    // and of that
constexpr long HALO = 8;
constexpr long OPERAND = LANES * PAIR;  // numbers of a register of weights

// As `direct.py` arranges them.
struct Weights {
    const uint16_t *local, *mid_1, *mid_2, *mid_3, *fusion;
    const float *local_first, *mid_first, *last;
    const float *local_first_bias, *local_first_average, *mid_first_bias, *mid_first_average;
    const float *local_bias, *local_average, *mid_1_bias, *mid_1_average, *mid_2_bias, *mid_2_average;
    const float *fusion_bias, *last_bias;
};

Weights arranged(const uint16_t *products, const float *exact) {
    Weights w;
    const auto product = [&](long outputs, long inputs, long taps) {
        const uint16_t *here = products;
        products += outputs * inputs * taps;
        return here;
    };
    const auto vector = [&](long length) {
        const float *here = exact;
        exact += length;
        return here;
    };
    w.local = product(LOCAL, FEATURES, 9);
    w.mid_1 = product(FEATURES, FEATURES, 9);
    w.mid_2 = product(FEATURES, FEATURES, 9);
    w.mid_3 = product(FEATURES, FEATURES, 9);
    w.fusion = product(FEATURES, LOCAL, 1);
    w.local_first = vector(27 * FEATURES);
    w.local_first_bias = vector(FEATURES);
    w.local_first_average = vector(FEATURES);
    w.local_bias = vector(LOCAL);
    w.local_average = vector(LOCAL);
    w.mid_first = vector(27 * FEATURES);
    w.mid_first_bias = vector(FEATURES);
    w.mid_first_average = vector(FEATURES);
    w.mid_1_bias = vector(FEATURES);
    w.mid_1_average = vector(FEATURES);
    w.mid_2_bias = vector(FEATURES);
    w.mid_2_average = vector(FEATURES);
    w.fusion_bias = vector(FEATURES);
    w.last = vector(3 * FEATURES);
    w.last_bias = vector(3);
    return w;
}

template <typename Vector, typename Number>
inline Vector load(const Number *from) {
    Vector vector;
    std::memcpy(&vector, from, sizeof vector);
    return vector;
}

template <typename Vector, typename Number>
inline void store(Number *to, Vector vector) {
    std::memcpy(to, &vector, sizeof vector);
}

template <typename To, typename From>
inline To as(From from) {
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

// e^t for t in [-87, 0], within 4e-6 of it: 2^n times a polynomial of what is left.
inline Floats exponential(Floats t) {
    const Floats magic = Floats{} + 12582912.0f;  // 1.5 * 2^23, which leaves the nearest integer in the last bits
    const Floats scaled = t * 1.44269504f;
    const Floats rounded = scaled + magic;
    const Floats rest = scaled - (rounded - magic);
    const Floats power = (((rest * 0.00967603f + 0.05550327f) * rest + 0.24022119f) * rest + 0.69314718f) * rest + 1.0f;
    return as<Floats>(as<Ints>(power) + (as<Ints>(rounded) << 23));
}

inline Floats selu(Floats x) {
    const Floats zero = {};
    const Floats lowest = zero - 80.0f;
    const Floats positive = x > zero ? x : zero;
    Floats negative = x < zero ? x : zero;
    negative = negative > lowest ? negative : lowest;
    return positive * 1.05070099f + (exponential(negative) * 1.75809934f - 1.75809934f);
}

// To bfloat16, to the nearest, of two equally near the even one; of finite numbers.
inline Halves rounded(Floats x) {
#ifdef MATRICES
    return as<Halves>(_mm512_cvtneps_pbh(as<__m512>(x)));
#else
    const Words bits = as<Words>(x);
    return __builtin_convertvector((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16, Halves);
#endif
}

inline float sum(Floats x) {
    const Eight eight = load<Eight>(reinterpret_cast<float *>(&x)) + load<Eight>(reinterpret_cast<float *>(&x) + 8);
    float rest[8];
    store(rest, eight);
    const Four four = load<Four>(rest) + load<Four>(rest + 4);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

// Sums of products: of two times sixteen pixels and of two times sixteen channels.
struct alignas(64) Sums {
    float of[2 * LANES][PAIR];
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
        _tile_storeconfig(&before_);
        Configuration own;
        own.palette = 1;
        for (int i = 0; i < 8; ++i) {
            own.row_bytes[i] = 64;
            own.rows[i] = LANES;
        }
        _tile_loadconfig(&own);
    }
    ~Registers() { before_.palette ? _tile_loadconfig(&before_) : _tile_release(); }
    Registers(const Registers &) = delete;

private:
    Configuration before_;
};

// Begins sums of one or two times sixteen pixels.
template <int BLOCKS>
inline void begin(Sums &) {
    _tile_zero(0);
    _tile_zero(1);
    if (BLOCKS == 2) {
        _tile_zero(2);
        _tile_zero(3);
    }
}

// Adds products of a pixel's channels.
template <int BLOCKS, long CHANNELS>
inline void add(Sums &, const uint16_t *pixels, const uint16_t *weights) {
    for (long channel = 0; channel < CHANNELS; channel += PAIR, weights += 2 * OPERAND) {
        _tile_loadd(4, pixels + channel, 2 * CHANNELS);
        _tile_loadd(6, weights, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, weights + OPERAND, 64);
        _tile_dpbf16ps(1, 4, 7);
        if (BLOCKS == 2) {
            _tile_loadd(5, pixels + channel + LANES * CHANNELS, 2 * CHANNELS);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
}

template <int BLOCKS>
inline void end(Sums &sums) {
    _tile_stored(0, sums.of[0], 4 * PAIR);
    _tile_stored(1, sums.of[0] + LANES, 4 * PAIR);
    if (BLOCKS == 2) {
        _tile_stored(2, sums.of[LANES], 4 * PAIR);
        _tile_stored(3, sums.of[LANES] + LANES, 4 * PAIR);
    }
}

#else

class Registers {};

inline float wide(uint16_t half) { return as<float>(static_cast<uint32_t>(half) << 16); }

template <int BLOCKS>
inline void begin(Sums &sums) {
    std::memset(&sums, 0, sizeof sums);
}

template <int BLOCKS, long CHANNELS>
inline void add(Sums &sums, const uint16_t *pixels, const uint16_t *weights) {
    for (long channel = 0; channel < CHANNELS; channel += PAIR, weights += 2 * OPERAND)
        for (long pixel = 0; pixel < BLOCKS * LANES; ++pixel)
            for (long k = 0; k < PAIR; ++k)
                for (long output = 0; output < PAIR; ++output)
                    sums.of[pixel][output] +=
                        wide(pixels[pixel * CHANNELS + channel + k]) *
                        wide(weights[output / LANES * OPERAND + k / 2 * PAIR + output % LANES * 2 + k % 2]);
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
        waiting = blocks * LANES;
        current = 1 - current;
    };
    for (long x = 0; x < width; x += 2 * LANES) {
        if (x + LANES < width)
            block(std::integral_constant<int, 2>(), x);
        else
            block(std::integral_constant<int, 1>(), x);
    }
    finish(sums[1 - current], before, 0, waiting);
}

// A pixel's neighbours in three rows, and pixels between them.
struct Rows {
    const uint16_t *row[3];
    long dilation;
    const uint16_t *neighbour(long x, long tap) const { return row[tap / 3] + (x + tap % 3 * dilation) * FEATURES; }
};

// A row of a hidden layer, some pixels beyond its width too.
void convolve(const Rows &from, long width, const uint16_t *weights, const float *bias, const float *average,
              uint16_t *to, long channels) {
    for (long first = 0; first < channels; first += PAIR, weights += 9 * PAIR * FEATURES)
        in_blocks<9>(
            width,
            [=](auto blocks, Sums &sums, long x, long tap) {
                add<blocks, FEATURES>(sums, from.neighbour(x, tap), weights + tap * PAIR * FEATURES);
            },
            [=](const Sums &sums, long x, long pixel, long end) {
                for (; pixel < end; ++pixel)
                    for (long channel = 0; channel < PAIR; channel += LANES) {
                        const long own = first + channel;
                        const Floats feature = selu(load<Floats>(sums.of[pixel] + channel) + load<Floats>(bias + own));
                        store(to + (x + pixel) * channels + own, rounded(feature - load<Floats>(average + own)));
                    }
            });
}

template <int PIXELS>
inline void begin_block(const float *const signal[3], long x, long dilation, const float *weights, const float *bias,
                        const float *average, uint16_t *to) {
    constexpr int VECTORS = FEATURES / LANES;
    Floats sums[PIXELS][VECTORS];
    for (int pixel = 0; pixel < PIXELS; ++pixel)
        for (int v = 0; v < VECTORS; ++v) sums[pixel][v] = load<Floats>(bias + v * LANES);
    for (int row = 0; row < 3; ++row)
        for (int column = 0; column < 3; ++column)
#pragma GCC unroll 3
            for (int primary = 0; primary < 3; ++primary, weights += FEATURES) {
                const float *from = signal[row] + (x + column * dilation) * 3 + primary;
#pragma GCC unroll 8
                for (int pixel = 0; pixel < PIXELS; ++pixel)
#pragma GCC unroll 4
                    for (int v = 0; v < VECTORS; ++v)
                        sums[pixel][v] += from[3 * pixel] * load<Floats>(weights + v * LANES);
            }
    for (int pixel = 0; pixel < PIXELS; ++pixel)
        for (int v = 0; v < VECTORS; ++v)
            store(to + (x + pixel) * FEATURES + v * LANES,
                  rounded(selu(sums[pixel][v]) - load<Floats>(average + v * LANES)));
}

// A row of a first layer, in float32, which can tell bright codes apart.
void begin_row(const float *const signal[3], long width, long dilation, const float *weights, const float *bias,
               const float *average, uint16_t *to) {
    long x = 0;
    for (; x + 6 <= width; x += 6) begin_block<6>(signal, x, dilation, weights, bias, average, to);
    for (; x < width; ++x) begin_block<1>(signal, x, dilation, weights, bias, average, to);
}

// A row of logits: the last dilated layer with the fusion, and the last layer.
void fuse(const Rows &mid, const uint16_t *local, long width, const Weights &w, const float *bias,
          float *const logits[3]) {
    for (long primary = 0; primary < 3; ++primary)
        for (long x = 0; x < width; ++x) logits[primary][x] = w.last_bias[primary];
    for (long first = 0; first < FEATURES; first += PAIR) {
        const uint16_t *of_mid = w.mid_3 + first * FEATURES * 9, *of_local = w.fusion + first * LOCAL;
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
                    const float *here = sums.of[pixel], *share = w.last + first;
                    const Floats before = selu(load<Floats>(here) + load<Floats>(bias + first));
                    const Floats after = selu(load<Floats>(here + LANES) + load<Floats>(bias + first + LANES));
                    for (long primary = 0; primary < 3; ++primary, share += FEATURES)
                        logits[primary][x + pixel] +=
                            sum(before * load<Floats>(share) + after * load<Floats>(share + LANES));
                }
            });
    }
}

// The last rows of a layer, each in the place of one that is not needed any more.
class Ring {
public:
    Ring(uint16_t *memory, long rows, long length) : memory_(memory), rows_(rows), length_(length) {}
    uint16_t *operator[](long row) const { return memory_ + row % rows_ * length_; }
    Rows around(long row, long dilation) const {
        return {{(*this)[row], (*this)[row + dilation], (*this)[row + 2 * dilation]}, dilation};
    }

private:
    uint16_t *memory_;
    long rows_, length_;
};

// Of this thread, kept from part to part.
class Memory {
public:
    ~Memory() { std::free(memory_); }
    uint16_t *of(long numbers) {
        if (numbers > size_) {
            std::free(memory_);
            size_ = 0;
            const long bytes = (2 * numbers + 63) / 64 * 64;
            memory_ = static_cast<uint16_t *>(std::aligned_alloc(64, bytes));
            if (!memory_) return nullptr;
            std::memset(memory_, 0, bytes);  // what lies beyond a row is computed with, and thrown away
            size_ = numbers;
        }
        return memory_;
    }

private:
    uint16_t *memory_ = nullptr;
    long size_ = 0;
};

}  // namespace

// Logits of a part of a frame, see `direct.py`.
//
// signal: (height + 16, width + 16, 3), R'G'B' in [0, 1].
// global_features: (64,).
// products, exact: as arranged above.
// logits: (3, height, width), the result.
//
// Returns 0, or 1 where there is no memory.
extern "C" int expand(const float *signal, long height, long width, const float *global_features,
                      const uint16_t *products, const float *exact, float *logits) {
    static thread_local Memory memory;
    const Weights w = arranged(products, exact);
    const long capacity = (width + 2 * HALO + LANES - 1) / LANES * LANES + 2 * HALO, length = capacity * FEATURES;
    uint16_t *place = memory.of((3 * 5 + 3 + 2) * length);
    if (!place) return 1;
    const Ring mid_first(place, 5, length), mid_1(place + 5 * length, 5, length), mid_2(place + 10 * length, 5, length);
    const Ring local_first(place + 15 * length, 3, length);
    uint16_t *local = place + 18 * length;
    alignas(64) float bias[FEATURES];
    for (long i = 0; i < FEATURES; ++i) bias[i] = w.fusion_bias[i] + global_features[i];
    const auto signal_rows = [&](long row, long column, long dilation, const float *rows[3]) {
        for (long i = 0; i < 3; ++i) rows[i] = signal + ((row + i * dilation) * (width + 2 * HALO) + column) * 3;
    };
    [[maybe_unused]] const Registers registers;
    const float *rows[3];
    // A row of each layer needs rows of the one before it up to four further down, or two of the local branch.
    for (long row = 0; row < height + 12; ++row) {
        signal_rows(row, 0, 2, rows);
        begin_row(rows, width + 12, 2, w.mid_first, w.mid_first_bias, w.mid_first_average, mid_first[row]);
        if (row < 4) continue;
        convolve(mid_first.around(row - 4, 2), width + 8, w.mid_1, w.mid_1_bias, w.mid_1_average, mid_1[row - 4], FEATURES);
        if (row < 8) continue;
        convolve(mid_1.around(row - 8, 2), width + 4, w.mid_2, w.mid_2_bias, w.mid_2_average, mid_2[row - 8], FEATURES);
        if (row < 10) continue;
        signal_rows(row - 10 + HALO - 2, HALO - 2, 1, rows);
        begin_row(rows, width + 2, 1, w.local_first, w.local_first_bias, w.local_first_average, local_first[row - 10]);
        if (row < 12) continue;
        const long y = row - 12;
        convolve(local_first.around(y, 1), width, w.local, w.local_bias, w.local_average, local, LOCAL);
        float *const here[3] = {logits + y * width, logits + (height + y) * width, logits + (2 * height + y) * width};
        fuse(mid_2.around(y, 2), local, width, w, bias, here);
    }
    return 0;
}
