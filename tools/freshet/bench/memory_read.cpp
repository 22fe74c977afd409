#include "tools/freshet/bench/memory_read.hpp"

#include <cstring>

namespace freshet::cli {
namespace {

constexpr std::size_t line = 64;
constexpr std::size_t words = line / sizeof(std::uint64_t);

/// Eight sums, so that additions do not wait for each other.
struct sums {
  std::uint64_t of[words] = {};
  void add(const unsigned char* from) {
    std::uint64_t w[words];
    std::memcpy(w, from, sizeof w);
    for (std::size_t k = 0; k < words; ++k) of[k] += w[k];
  }
  [[nodiscard]] std::uint64_t all() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t s : of) sum += s;
    return sum;
  }
};

}  // namespace

std::uint64_t read_in_one_place(const void* data, std::size_t bytes) {
  const auto* from = static_cast<const unsigned char*>(data);
  sums s;
  for (std::size_t i = 0; i + line <= bytes; i += line) s.add(from + i);
  return s.all();
}

std::uint64_t read_in_eight_places(const void* data, std::size_t bytes) {
  constexpr std::size_t places = 8;
  constexpr std::size_t ahead = 1024;
  const std::size_t each = bytes / places / line * line;
  const auto* from = static_cast<const unsigned char*>(data);
  sums s;
  for (std::size_t i = 0; i < each; i += line) {
    for (std::size_t place = 0; place < places; ++place) {
      const unsigned char* at = from + place * each + i;
      __builtin_prefetch(at + ahead);
      s.add(at);
    }
  }
  return s.all();
}

}  // namespace freshet::cli
