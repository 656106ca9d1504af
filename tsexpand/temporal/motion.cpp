// Motion, frames averaged along it, and what they are compared in: what `optical_flow.py` and `denoising.py` say, in a
// pass each.
//
// A pixel is the same in whatever rows it is computed with. References: see there, and `transfer.py`.

#include "../compiled/vectors.h"

namespace {

constexpr float PEAK = 10000.0f;  // cd/m², of a PQ signal of 1; the constants are those of SMPTE ST 2084
constexpr float M1 = 2610.0f / 16384, M2 = 2523.0f / 32, C1 = 3424.0f / 4096, C2 = 2413.0f / 128, C3 = 2392.0f / 128;
constexpr float LEAST = 1.2e-38f;  // that a logarithm is taken of

inline Floats higher(Floats x, float least) { return x > least ? x : Floats{} + least; }
inline Floats lower(Floats x, float most) { return x < most ? x : Floats{} + most; }
inline Ints within(Ints x, int32_t last) {
    x = x > 0 ? x : Ints{};
    return x < last ? x : Ints{} + last;
}

// The first values of a vector, 0 for others.
inline Floats some(const float *from, long count) {
    if (count >= LANES) return load<Floats>(from);
    Floats x = {};
    std::memcpy(&x, from, count * sizeof *from);
    return x;
}

inline void store_some(float *to, Floats x, long count) {
    std::memcpy(to, &x, (count < LANES ? count : LANES) * sizeof *to);
}

inline bool any(Ints x) {
#ifdef __AVX512F__
    return _mm512_test_epi32_mask(as<__m512i>(x), as<__m512i>(x));
#else
    int32_t found = 0;
    for (long lane = 0; lane < LANES; ++lane) found |= x[lane];
    return found;
#endif
}

inline Floats gathered(const float *from, Ints places) {
#if defined(__AVX512F__)
    return as<Floats>(_mm512_i32gather_ps(as<__m512i>(places), from, 4));
#elif defined(__AVX2__)
    return as<Floats>(_mm256_i32gather_ps(from, as<__m256i>(places), 4));
#else
    Floats x;
    for (long lane = 0; lane < LANES; ++lane) x[lane] = from[places[lane]];
    return x;
#endif
}

// Of twice as many values, those with these numbers.
inline Floats picked(Floats first, Floats second, Ints numbers) {
#if defined(__AVX512F__)
    return as<Floats>(_mm512_permutex2var_ps(as<__m512>(first), as<__m512i>(numbers), as<__m512>(second)));
#elif defined(__AVX2__)
    const __m256i places = as<__m256i>(numbers);
    const Floats of_first = as<Floats>(_mm256_permutevar8x32_ps(as<__m256>(first), places));
    const Floats of_second = as<Floats>(_mm256_permutevar8x32_ps(as<__m256>(second), places));
    return numbers < int32_t(LANES) ? of_first : of_second;
#else
    Floats x;
    for (long lane = 0; lane < LANES; ++lane)
        x[lane] = numbers[lane] < LANES ? first[numbers[lane]] : second[numbers[lane] - LANES];
    return x;
#endif
}

// The binary logarithm of (1 + s) / (1 - s) for s in [-0.18, 0.18]: the series of the inverse hyperbolic tangent.
inline Floats logarithm_around_one(Floats s) {
    const Floats t = s * s;
    Floats series = t * 0.320598898f + 0.412198583f;
    series = series * t + 0.577078016f;
    series = series * t + 0.961796694f;
    series = series * t + 2.88539008f;
    return series * s;
}

// The binary logarithm of positive numbers, LEAST and more.
inline Floats logarithm(Floats x) {
    const Ints bits = as<Ints>(x);
    const Ints exponent = (bits - 0x3f3504f3) >> 23;  // so that what is left is around 1: from √½ to √2
    const Floats left = as<Floats>(bits - exponent * 0x800000);
    return logarithm_around_one((left - 1.0f) / (left + 1.0f)) + __builtin_convertvector(exponent, Floats);
}

// 2^x - 1 for x in [-0.5, 0.5], to the last digits even near 0.
inline Floats power_less_one(Floats x) {
    Floats sum = x * 1.52527338e-5f + 1.54035304e-4f;
    sum = sum * x + 1.33335581e-3f;
    sum = sum * x + 9.61812911e-3f;
    sum = sum * x + 5.55041087e-2f;
    sum = sum * x + 0.240226507f;
    sum = sum * x + 0.693147181f;
    return sum * x;
}

// 2^x; of less than -126 that of it.
inline Floats power(Floats x) {
    x = higher(x, -126.0f);
    const Floats magic = Floats{} + 12582912.0f;  // see `exponential`
    const Floats integer = x + magic;
    const Floats fraction = power_less_one(x - (integer - magic)) + 1.0f;
    return as<Floats>(as<Ints>(fraction) + (as<Ints>(integer) << 23));
}

inline Floats pq_eotf(Floats signal) {
    signal = lower(higher(signal, 1e-7f), 1.0f);  // which is black, too
    const Floats less = power_less_one(logarithm(signal) * (1 / M2));
    const Floats ratio = ((1 - C1) + less) / ((C2 - C3) - C3 * less);
    const Floats light = PEAK * power(logarithm(higher(ratio, LEAST)) * (1 / M1));
    return ratio > 0.0f ? light : Floats{};
}

inline Floats pq_inverse_eotf(Floats light) {
    const Floats share = lower(higher(light * (1 / PEAK), LEAST), 1.0f);
    const Floats raised = power(logarithm(share) * M1);
    // Of (C1 + C2 raised) / (1 + C3 raised), which is so near 1 that its own rounding would be felt 79 times.
    const Floats s = (C2 - C3) * (raised - 1.0f) / ((1.0f + C1) + (C2 + C3) * raised);
    return power(logarithm_around_one(s) * M2);
}

// Planes one after the other.
struct Picture {
    const float *planes;
    long height, width;
    const float *row(long plane, long number) const { return planes + (plane * height + number) * width; }
};

// Around which pixel of a picture a place is, and how far right and below of it: 0 to 1.
struct Places {
    Ints column, row;
    Floats right, down;
};

inline Places places(Floats x, Floats y, const Picture &picture) {
    Places found;
    const auto floor = [](Floats value, long length, Floats &fraction) {
        value = lower(higher(value, -2.0f), length + 1.0f);  // beyond its edge a picture does not change
        Ints whole = __builtin_convertvector(value, Ints);
        whole += __builtin_convertvector(whole, Floats) > value;  // a mask is -1
        fraction = value - __builtin_convertvector(whole, Floats);
        return whole;
    };
    found.column = floor(x, picture.width, found.right);
    found.row = floor(y, picture.height, found.down);
    return found;
}

// The pixels around places. Motion is smooth, so that those of a vector mostly lie in a few rows of a window of twice its
// length, from which they are picked; else they are gathered one by one, which takes several times as long.
class Around {
public:
    Around(const Picture &picture, const Places &places) : picture_(picture), places_(places) {
        constexpr int32_t MARGIN = LANES / 4;  // that places may be left of those of even motion
        left_ = places.column[0] - 1 - MARGIN;
        top_ = places.row[0];
        if (any(places.row == top_ - 1)) --top_;
        lower_ = places.row == top_ + 1;
        first_ = places.column - 1 - left_;
        in_window_ = left_ >= 0 && left_ + 2 * LANES <= picture.width && top_ >= 1 && top_ + 3 < picture.height &&
                     !any((first_ < 0) | (first_ > int32_t(2 * LANES - 4)) | ~((places.row == top_) | lower_));
    }

    bool in_window() const { return in_window_; }

    template <bool IN_WINDOW>
    Floats bilinear(long plane) const {
        const auto line = [&](long down) {
            return between(at<IN_WINDOW>(plane, down, 0), at<IN_WINDOW>(plane, down, 1), places_.right);
        };
        Floats above = line(0), below = line(1);
        if (IN_WINDOW) {
            above = lower_ ? below : above;
            below = lower_ ? line(2) : below;
        }
        return between(above, below, places_.down);
    }

    // R. G. Keys' cubic convolution, with -0.75 as PyTorch has it.
    template <bool IN_WINDOW>
    Floats bicubic(long plane) const {
        Floats across[4], down[4];
        weights(places_.right, across);
        weights(places_.down, down);
        const auto line = [&](long below) {
            Floats sum = {};
#pragma GCC unroll 4
            for (long right = 0; right < 4; ++right) sum += across[right] * at<IN_WINDOW>(plane, below, right - 1);
            return sum;
        };
        Floats lines[4], sum = {};
#pragma GCC unroll 4
        for (long i = 0; i < 4; ++i) lines[i] = line(i - 1);
        if (IN_WINDOW) {
#pragma GCC unroll 3
            for (long i = 0; i < 3; ++i) lines[i] = lower_ ? lines[i + 1] : lines[i];
            lines[3] = lower_ ? line(3) : lines[3];
        }
#pragma GCC unroll 4
        for (long i = 0; i < 4; ++i) sum += down[i] * lines[i];
        return sum;
    }

private:
    // That of a plane, so many pixels below and right of a place; in the window below its upper row.
    template <bool IN_WINDOW>
    Floats at(long plane, long below, long right) const {
        if (IN_WINDOW) {
            const float *from = picture_.row(plane, top_ + below) + left_;
            return picked(load<Floats>(from), load<Floats>(from + LANES), first_ + int32_t(right + 1));
        }
        const Ints row = within(places_.row + int32_t(below), picture_.height - 1);
        const Ints column = within(places_.column + int32_t(right), picture_.width - 1);
        return gathered(picture_.row(plane, 0), row * int32_t(picture_.width) + column);
    }

    // The same to the last bit where both are.
    static Floats between(Floats one, Floats other, Floats share) { return one + share * (other - one); }

    static void weights(Floats f, Floats to[4]) {
        constexpr float A = -0.75f;
        to[0] = A * (f * (f * (f - 2.0f) + 1.0f));
        to[1] = f * f * ((A + 2) * f - (A + 3)) + 1.0f;
        to[2] = f * (f * ((2 * A + 3) - (A + 2) * f) - A);
        to[3] = A * (f * f * (1.0f - f));
    }

    const Picture &picture_;
    const Places &places_;
    bool in_window_;
    int32_t left_, top_;
    Ints first_, lower_;
};

// A row of values with as many of its edge repeated before and behind it; `size` is their memory's.
class Padded {
public:
    static constexpr long SIDE = 2 * LANES;  // at least as much as is looked at
    static long size(long width) { return (width + LANES - 1) / LANES * LANES + 2 * SIDE; }

    Padded(float *memory, long width) : row_(memory + SIDE), width_(width) {}
    float *begin() const { return row_; }

    // Once the row is there.
    void repeat_edges(long radius) const {
        for (long i = 1; i <= radius; ++i) {
            row_[-i] = row_[0];
            row_[width_ - 1 + i] = row_[width_ - 1];
        }
    }

private:
    float *row_;
    long width_;
};

inline long near_row(long row, long height) { return row < 0 ? 0 : row < height ? row : height - 1; }

// Sums over squares of values of the rows around one, each with its edges repeated: down first, then along.
template <int RADIUS>
class Box {
public:
    Box(float *memory, long width) : sums_(memory, width), width_(width) {}

    // `values` gives the row of a number, those of a picture of so many rows.
    template <typename Values>
    void add_rows(long row, long height, Values values) {
        const float *rows[2 * RADIUS + 1];
        for (long i = 0; i <= 2 * RADIUS; ++i) rows[i] = values(near_row(row + i - RADIUS, height));
        for (long x = 0; x < width_; x += LANES) {
            Floats sum = load<Floats>(rows[0] + x);
#pragma GCC unroll 16
            for (long i = 1; i <= 2 * RADIUS; ++i) sum += load<Floats>(rows[i] + x);
            store(sums_.begin() + x, sum);
        }
        sums_.repeat_edges(RADIUS);
    }

    Floats mean(long x) const {
        const float *from = sums_.begin() + x - RADIUS;
        Floats sum = load<Floats>(from);
#pragma GCC unroll 16
        for (long i = 1; i <= 2 * RADIUS; ++i) sum += load<Floats>(from + i);
        return sum * (1.0f / ((2 * RADIUS + 1) * (2 * RADIUS + 1)));
    }

private:
    Padded sums_;
    long width_;
};

constexpr int WINDOW = 5;  // see `optical_flow.py`

// The last rows of some planes, each with room for repeated edges.
class Rows {
public:
    Rows(float *memory, long rows, long planes, long width)
        : memory_(memory), rows_(rows), planes_(planes), width_(width) {}
    static long size(long rows, long planes, long width) { return rows * planes * Padded::size(width); }
    Padded operator()(long plane, long row) const {
        return {memory_ + (row % rows_ * planes_ + plane) * Padded::size(width_), width_};
    }

private:
    float *memory_;
    long rows_, planes_, width_;
};

// Half the difference of the pixels beside those of a vector, across and down; the edge is repeated.
struct Gradient {
    Floats right, down;
};

inline Gradient gradient(const Picture &picture, long x, long y) {
    const float *row = picture.row(0, y);
    const long left = picture.width - x;
    Floats before, after;
    if (x && left > LANES) {
        before = load<Floats>(row + x - 1);
        after = load<Floats>(row + x + 1);
    } else {
        for (long i = 0; i < LANES; ++i) {
            before[i] = row[near_row(x + i - 1, picture.width)];
            after[i] = row[near_row(x + i + 1, picture.width)];
        }
    }
    const float *above = picture.row(0, near_row(y - 1, picture.height)), *below = picture.row(0, near_row(y + 1, picture.height));
    return {(after - before) * 0.5f, (some(below + x, left) - some(above + x, left)) * 0.5f};
}

// The inverse of each window's mean products of gradients, (3, height, width): of both squares, and of the mixed one.
class Windows {
public:
    explicit Windows(const Picture &picture) : picture_(picture) {}

    bool begin() {
        static thread_local Memory memory;
        const long width = picture_.width, rows = Rows::size(2 * WINDOW + 1, 3, width);
        memory_ = reinterpret_cast<float *>(memory.of(4 * (rows + 3 * Padded::size(width))));
        return memory_;
    }

    void compute(long top, long bottom, float noise, float *inverse) const {
        const long width = picture_.width, height = picture_.height, size = height * width;
        const Rows products(memory_, 2 * WINDOW + 1, 3, width);
        float *sums = memory_ + Rows::size(2 * WINDOW + 1, 3, width);
        Box<WINDOW> boxes[3] = {{sums, width}, {sums + Padded::size(width), width}, {sums + 2 * Padded::size(width), width}};
        long done = top > WINDOW ? top - WINDOW : 0;
        for (long y = top; y < bottom; ++y) {
            for (; done <= y + WINDOW && done < height; ++done)
                for (long x = 0; x < width; x += LANES) {
                    const Gradient here = gradient(picture_, x, done);
                    store(products(0, done).begin() + x, here.right * here.right);
                    store(products(1, done).begin() + x, here.down * here.down);
                    store(products(2, done).begin() + x, here.right * here.down);
                }
            for (long plane = 0; plane < 3; ++plane)
                boxes[plane].add_rows(y, height, [&](long row) { return products(plane, row).begin(); });
            for (long x = 0; x < width; x += LANES) {
                const Floats right = boxes[0].mean(x) + noise, down = boxes[1].mean(x) + noise, mixed = boxes[2].mean(x);
                const Floats share = 1.0f / (right * down - mixed * mixed);
                const Floats found[3] = {down * share, right * share, mixed * share};
                for (long plane = 0; plane < 3; ++plane)
                    store_some(inverse + plane * size + y * width + x, found[plane], width - x);
            }
        }
    }

private:
    const Picture picture_;
    float *memory_ = nullptr;
};

// A step of Gauss and Newton towards the flow that matches the windows.
class Step {
public:
    Step(const Picture &picture, const Picture &other, const float *inverse, const float *flow)
        : picture_(picture), other_(other), inverse_{inverse, picture.height, picture.width},
          flow_{flow, picture.height, picture.width} {}

    bool begin() {
        static thread_local Memory memory;
        const long width = picture_.width, rows = Rows::size(2 * WINDOW + 1, 2, width) + Rows::size(3, 2, width);
        memory_ = reinterpret_cast<float *>(memory.of(4 * (rows + 2 * Padded::size(width))));
        return memory_;
    }

    void compute(long top, long bottom, float longest, float *stepped) const {
        const long width = picture_.width, height = picture_.height, size = height * width;
        const Rows errors(memory_, 2 * WINDOW + 1, 2, width);
        float *at = memory_ + Rows::size(2 * WINDOW + 1, 2, width);
        const Rows moved(at, 3, 2, width);
        at += Rows::size(3, 2, width);
        Box<WINDOW> windows[2] = {{at, width}, {at + Padded::size(width), width}};
        long compared = top > WINDOW + 1 ? top - WINDOW - 1 : 0, done = top > 1 ? top - 1 : 0;
        for (long y = top; y < bottom; ++y) {
            for (; done <= y + 1 && done < height; ++done) {
                for (; compared <= done + WINDOW && compared < height; ++compared) compare(compared, errors);
                for (long plane = 0; plane < 2; ++plane)
                    windows[plane].add_rows(done, height, [&](long row) { return errors(plane, row).begin(); });
                for (long x = 0; x < width; x += LANES) move(windows, x, done, longest, moved);
            }
            // The sums of the windows' rows are not needed any more.
            for (long plane = 0; plane < 2; ++plane) {
                Box<1> box(at, width);
                box.add_rows(y, height, [&](long row) { return moved(plane, row).begin(); });
                for (long x = 0; x < width; x += LANES)
                    store_some(stepped + plane * size + y * width + x, box.mean(x), width - x);
            }
        }
    }

private:
    // The gradient times how much brighter the other picture is where a row of flow leads.
    void compare(long y, const Rows &errors) const {
        Floats pixel;
        for (long i = 0; i < LANES; ++i) pixel[i] = i;
        for (long x = 0; x < picture_.width; x += LANES, pixel += LANES) {
            const long left = picture_.width - x;
            const Floats right = some(flow_.row(0, y) + x, left), down = some(flow_.row(1, y) + x, left);
            const Places found = places(pixel + right, down + float(y), other_);
            const Around around(other_, found);
            const Floats there = around.in_window() ? around.bilinear<true>(0) : around.bilinear<false>(0);
            const Floats brighter = there - some(picture_.row(0, y) + x, left);
            const Gradient here = gradient(picture_, x, y);
            store(errors(0, y).begin() + x, here.right * brighter);
            store(errors(1, y).begin() + x, here.down * brighter);
        }
    }

    void move(const Box<WINDOW> windows[2], long x, long y, float longest, const Rows &moved) const {
        const long left = picture_.width - x;
        const Floats right = windows[0].mean(x), down = windows[1].mean(x);
        const Floats across = some(inverse_.row(2, y) + x, left);
        const Floats steps[2] = {across * down - some(inverse_.row(0, y) + x, left) * right,
                                 across * right - some(inverse_.row(1, y) + x, left) * down};
        for (long plane = 0; plane < 2; ++plane) {
            const Floats step = lower(higher(steps[plane], -longest), longest);
            store(moved(plane, y).begin() + x, some(flow_.row(plane, y) + x, left) + step);
        }
    }

    const Picture picture_, other_, inverse_, flow_;
    float *memory_ = nullptr;
};

// Where each pixel along a line lies in one with another number of them that shows the same: see `enlarged`.
inline float in_line(long pixel, long length, long others) {
    const float there = (pixel + 0.5f) * (float(others) / length) - 0.5f;
    return there > 0 ? there : 0;
}

struct Neighbour {
    Picture picture, flow;
};

// The last three rows of a neighbour, of a multiple of LANES pixels: how much more R, G and B are, and the mean square.
struct Row {
    float *planes[4];
};

class Averager {
public:
    Averager(const Picture &own, const Neighbour *neighbours, long count, float noise, float shadow)
        : own_(own), neighbours_(neighbours), count_(count), noise_(noise), shadow_(shadow),
          length_((own.width + LANES - 1) / LANES * LANES) {}

    // Whether there is memory for it.
    bool begin() {
        static thread_local Memory memory;
        const long flow_length = neighbours_->flow.width + LANES;
        char *at = memory.of(4 * (2 * flow_length + length_ + (count_ * 12 + 1) * length_));
        if (!at) return false;
        const auto floats = [&at](long number) {
            float *here = reinterpret_cast<float *>(at);
            at += 4 * number;
            return here;
        };
        for (float *&line : flow_) line = floats(flow_length);
        there_ = floats(length_);
        rows_ = floats(count_ * 12 * length_);
        for (long x = 0; x < length_; ++x) there_[x] = in_line(x, own_.width, neighbours_->flow.width);
        return true;
    }

    // Compares a row with where it is in a neighbour.
    void compare(long number, long y) {
        const Neighbour &neighbour = neighbours_[number];
        const Picture &flow = neighbour.flow;
        const bool is_whole = flow.height == own_.height && flow.width == own_.width;
        const float along = is_whole ? y : in_line(y, own_.height, flow.height), times = is_whole ? 1 : 2;
        const long above = long(along) < flow.height ? long(along) : flow.height - 1;
        const long below = above + 1 < flow.height ? above + 1 : above;
        for (long plane = 0; plane < 2; ++plane)
            for (long x = 0; x < flow.width; ++x) {
                const float one = flow.row(plane, above)[x], other = flow.row(plane, below)[x];
                flow_[plane][x] = times * (one + (along - above) * (other - one));
            }
        const Row to = row(number, y);
        Floats pixel;
        for (long i = 0; i < LANES; ++i) pixel[i] = i;
        for (long x = 0; x < own_.width; x += LANES, pixel += LANES) {
            Floats there = is_whole ? lower(pixel, flow.width - 1.0f) : load<Floats>(there_ + x);
            const Ints first = within(__builtin_convertvector(there, Ints), flow.width - 1);
            const Ints second = within(first + 1, flow.width - 1);
            there -= __builtin_convertvector(first, Floats);
            Floats moved[2];
            for (long plane = 0; plane < 2; ++plane) {
                const Floats one = gathered(flow_[plane], first), other = gathered(flow_[plane], second);
                moved[plane] = one + there * (other - one);
            }
            const Places found = places(pixel + moved[0], moved[1] + float(y), neighbour.picture);
            const Around around(neighbour.picture, found);
            if (around.in_window())
                subtract<true>(around, x, y, to);
            else
                subtract<false>(around, x, y, to);
        }
    }

    // Averages a row that was compared, as those above and below it were, into light: the own where nothing changes.
    void average(long y, const Picture &own_light, float *light) {
        const long rows[3] = {y ? y - 1 : y, y, y + 1 < own_.height ? y + 1 : y};
        const long size = own_.height * own_.width;
        for (long x = 0; x < own_.width; x += LANES) {
            const long left = own_.width - x;
            const Floats level = some(own_.row(3, y) + x, left);
            const Floats least = lower(level * (1 / shadow_), 1.0f) * noise_;
            const Floats spread = -1.0f / (least * least * 18.0f + 9e-12f);  // of sums of nine
            Floats change[3] = {}, total = Floats{} + 1.0f;
            for (long number = 0; number < count_; ++number) {
                const Row here = row(number, y);
                Floats square = {};
                for (const long around : rows) square += summed(row(number, around).planes[3], x);
                const Floats weight = exponential(higher(square * spread, -80.0f));
                for (long colour = 0; colour < 3; ++colour) change[colour] += weight * load<Floats>(here.planes[colour] + x);
                total += weight;
            }
            for (long colour = 0; colour < 3; ++colour) {
                const Floats signal = some(own_.row(colour, y) + x, left) + level;
                const Floats shown = signal + change[colour] / total;
                const Floats own = some(own_light.row(colour, y) + x, left);
                const Ints stays = (shown == signal) | (own >= PEAK);
                store_some(light + colour * size + y * own_.width + x, stays ? own : pq_eotf(shown), left);
            }
        }
    }

private:
    // What is around some pixels of a neighbour, less the own.
    template <bool IN_WINDOW>
    void subtract(const Around &around, long x, long y, const Row &to) const {
        const long left = own_.width - x;
        const Floats brighter = around.bicubic<IN_WINDOW>(3), level = some(own_.row(3, y) + x, left);
        Floats squares = {};
        for (long colour = 0; colour < 3; ++colour) {
            const Floats own = some(own_.row(colour, y) + x, left) + level;
            const Floats more = (around.bilinear<IN_WINDOW>(colour) + brighter) - own;
            squares += more * more;
            store(to.planes[colour] + x, more);
        }
        store(to.planes[3] + x, squares * (1.0f / 3));
    }

    // A pixel and those left and right of it; the edge is repeated.
    Floats summed(const float *line, long x) const {
        const Floats here = load<Floats>(line + x);
        Floats before, after;
        if (x)
            before = load<Floats>(line + x - 1);
        else
            for (long i = 0; i < LANES; ++i) before[i] = line[i ? i - 1 : 0];
        if (x + LANES < own_.width)
            after = load<Floats>(line + x + 1);
        else
            for (long i = 0; i < LANES; ++i) after[i] = line[x + i + 1 < own_.width ? x + i + 1 : own_.width - 1];
        return before + here + after;
    }

    Row row(long number, long y) const {
        Row found;
        for (long plane = 0; plane < 4; ++plane) found.planes[plane] = rows_ + ((number * 3 + y % 3) * 4 + plane) * length_;
        return found;
    }

    const Picture own_;
    const Neighbour *neighbours_;
    const long count_;
    const float noise_, shadow_;
    const long length_;
    float *flow_[2], *there_, *rows_;
};

}  // namespace

// See `CpuMotion.average`: rows from top to bottom of light (3, height, width) from own (4, …), own_light (3, …) and
// neighbours, each (4, …), with flows (2, rows, columns). Not 0 where there is no memory.
extern "C" int average(const float *own, const float *own_light, const float *const *others, const float *const *flows,
                       long count, long height, long width, long rows, long columns, long top, long bottom, float noise,
                       float shadow, float *light) {
    constexpr long MOST = 16;
    if (count > MOST || count < 1) return 1;
    Neighbour neighbours[MOST];
    for (long i = 0; i < count; ++i) neighbours[i] = {{others[i], height, width}, {flows[i], rows, columns}};
    Averager averager({own, height, width}, neighbours, count, noise, shadow);
    if (!averager.begin()) return 1;
    long compared = top ? top - 1 : top;
    for (long y = top; y < bottom; ++y) {
        for (; compared <= y + 1 && compared < height; ++compared)
            for (long i = 0; i < count; ++i) averager.compare(i, compared);
        averager.average(y, {own_light, height, width}, light);
    }
    return 0;
}

// See `CpuMotion.observe`: rows of signal (4, height, width) from light (3, …), whose luminance is the sum of so much of each.
extern "C" int observe(const float *light, float red, float green, float blue, long height, long width, long top,
                        long bottom, float *signal) {
    const long size = height * width;
    for (long at = top * width; at < bottom * width; at += LANES) {
        const long left = bottom * width - at;
        const Floats r = some(light + at, left), g = some(light + size + at, left), b = some(light + 2 * size + at, left);
        const Floats level = pq_inverse_eotf(red * r + green * g + blue * b);
        const Floats *colours[3] = {&r, &g, &b};
        for (long colour = 0; colour < 3; ++colour)
            store_some(signal + colour * size + at, pq_inverse_eotf(*colours[colour]) - level, left);
        store_some(signal + 3 * size + at, level, left);
    }
    return 0;
}

// See `CpuMotion.optical_flow`: rows of inverse (3, height, width) of a picture (height, width).
extern "C" int match(const float *picture, long height, long width, long top, long bottom, float noise, float *inverse) {
    Windows windows({picture, height, width});
    if (!windows.begin()) return 1;
    windows.compute(top, bottom, noise, inverse);
    return 0;
}

// See `CpuMotion.optical_flow`: rows of a flow (2, height, width) from another one.
extern "C" int step(const float *picture, const float *other, const float *inverse, const float *flow, long height,
                    long width, long top, long bottom, float longest, float *stepped) {
    Step step({picture, height, width}, {other, height, width}, inverse, flow);
    if (!step.begin()) return 1;
    step.compute(top, bottom, longest, stepped);
    return 0;
}

// See `CpuMotion.warped`: rows of pictures (planes, height, width) where a flow (2, height, width) leads.
extern "C" int warp(const float *picture, const float *flow, long planes, long height, long width, long top, long bottom,
                     float *warped) {
    const Picture from = {picture, height, width}, motion = {flow, height, width};
    for (long y = top; y < bottom; ++y) {
        Floats pixel;
        for (long i = 0; i < LANES; ++i) pixel[i] = i;
        for (long x = 0; x < width; x += LANES, pixel += LANES) {
            const long left = width - x;
            const Floats right = some(motion.row(0, y) + x, left), down = some(motion.row(1, y) + x, left);
            const Places found = places(pixel + right, down + float(y), from);
            const Around around(from, found);
            for (long plane = 0; plane < planes; ++plane) {
                const Floats there = around.in_window() ? around.bilinear<true>(plane) : around.bilinear<false>(plane);
                store_some(warped + (plane * height + y) * width + x, there, left);
            }
        }
    }
    return 0;
}
