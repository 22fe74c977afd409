#include "tools/freshet/bench/memory_read.hpp"

#include <cstring>

namespace freshet::cli {
namespace {

constexpr std::size_t line = 64;
constexpr std::size_t words = line / sizeof(std::uint64_t);

// Wide vectors where the processor has them: with narrow ones some cannot keep as many lines on their way.
// Not under sanitizers, whose checks would run while the program is loaded.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FRESHET_WIDEST __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FRESHET_WIDEST
#endif
typedef std::uint64_t vector __attribute__((vector_size(line)));
typedef std::uint64_t vector_in_memory __attribute__((vector_size(line), aligned(1), may_alias));

/// Sums of `places` ranges read side by side, each `ahead` bytes before its turn (0: the processor alone prefetches).
template <std::size_t places, std::size_t ahead>
inline __attribute__((always_inline)) std::uint64_t read(const void* data, std::size_t bytes) {
  const std::size_t each = bytes / places / line * line;
  const auto* from = static_cast<const unsigned char*>(data);
  vector sums[places] = {};
  for (std::size_t i = 0; i < each; i += line) {
    for (std::size_t place = 0; place < places; ++place) {
      const unsigned char* at = from + place * each + i;
      if (ahead != 0) __builtin_prefetch(at + ahead);
      sums[place] += *reinterpret_cast<const vector_in_memory*>(at);
    }
  }
  std::uint64_t sum = 0;
  for (const vector& s : sums) {
    std::uint64_t of[words];
    std::memcpy(of, &s, sizeof of);
    for (const std::uint64_t w : of) sum += w;
  }
  return sum;
}

FRESHET_WIDEST std::uint64_t in_one_place(const void* data, std::size_t bytes) { return read<1, 0>(data, bytes); }
FRESHET_WIDEST std::uint64_t in_two_places(const void* data, std::size_t bytes) { return read<2, 0>(data, bytes); }
FRESHET_WIDEST std::uint64_t in_four_places(const void* data, std::size_t bytes) { return read<4, 1024>(data, bytes); }
FRESHET_WIDEST std::uint64_t in_eight_places(const void* data, std::size_t bytes) { return read<8, 1024>(data, bytes); }

}  // namespace

const std::vector<memory_read>& ways_to_read_memory() {
  static const std::vector<memory_read> ways{in_one_place, in_two_places, in_four_places, in_eight_places};
  return ways;
}

}  // namespace freshet::cli
