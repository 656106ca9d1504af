// Vectors as wide as the CPU has, what is computed with them, and memory: what all code compiled for a CPU shares.
//
// Reference: GCC manual, "Vector Extensions".

#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace {

#ifdef __AVX512F__
constexpr long LANES = 16;
#else
constexpr long LANES = 8;
#endif

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));

template <typename Vector, typename Number>
inline Vector load(const Number *from) {
    Vector vector;
    std::memcpy(&vector, from, sizeof vector);
    return vector;
}

template <typename To, typename From>
inline To as(From from) {
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

inline void store(float *to, Floats x) { std::memcpy(to, &x, sizeof x); }

// e^t for t in [-87, 0], within 2e-7 of it: 2^n times a polynomial of what is left.
inline Floats exponential(Floats t) {
    const Floats magic = Floats{} + 12582912.0f;  // 1.5 * 2^23, which leaves the nearest integer in the last bits
    const Floats scaled = t * 1.44269504f;
    const Floats integer = scaled + magic;
    const Floats rest = scaled - (integer - magic);
    Floats power = rest * 0.00132647273f + 0.00967151299f;
    power = power * rest + 0.0555073358f;
    power = power * rest + 0.240222424f;
    power = power * rest + 0.693147004f;
    power = power * rest + 1.0f;
    return as<Floats>(as<Ints>(power) + (as<Ints>(integer) << 23));
}

// Of this thread, kept from part to part.
class Memory {
public:
    ~Memory() { std::free(memory_); }
    // So many bytes, aligned; null where there are none left.
    char *of(long bytes) {
        if (bytes > size_) {
            std::free(memory_);
            size_ = 0;
            bytes = (bytes + 63) / 64 * 64;
            memory_ = static_cast<char *>(std::aligned_alloc(64, bytes));
            if (!memory_) return nullptr;
            std::memset(memory_, 0, bytes);  // what lies beyond a row is computed with, and thrown away
            size_ = bytes;
        }
        return memory_;
    }

private:
    char *memory_ = nullptr;
    long size_ = 0;
};

}  // namespace
