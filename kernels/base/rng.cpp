#include "kernels/base/rng.hpp"

#include <cmath>

namespace freshet {
namespace {

std::uint64_t splitmix64(std::uint64_t& x) {
  x += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

}  // namespace

rng::rng(std::uint64_t seed) : seed_(seed) {
  std::uint64_t x = seed;
  for (auto& s : state_) s = splitmix64(x);
}

rng rng::split(std::string_view purpose) const {
  // FNV-1a of the purpose, mixed with our seed.
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (char c : purpose) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return split(h);
}

rng rng::split(std::uint64_t index) const {
  std::uint64_t x = seed_ ^ rotl(index * 0xd1342543de82ef95ULL + 0x632be59bd9b4e019ULL, 29);
  return rng(splitmix64(x));
}

std::uint64_t rng::next() {
  const std::uint64_t out = rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = rotl(state_[3], 45);
  return out;
}

double rng::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

std::uint64_t rng::below(std::uint64_t n) {
  const std::uint64_t limit = (~std::uint64_t{0}) - (~std::uint64_t{0}) % n;
  std::uint64_t x = next();
  while (x >= limit) x = next();
  return x % n;
}

double rng::normal() {
  if (has_spare_normal_) {
    has_spare_normal_ = false;
    return spare_normal_;
  }
  const double u = 1.0 - uniform();
  const double v = uniform();
  const double r = std::sqrt(-2.0 * std::log(u));
  const double a = 2.0 * 3.14159265358979323846 * v;
  spare_normal_ = r * std::sin(a);
  has_spare_normal_ = true;
  return r * std::cos(a);
}

}  // namespace freshet
