#include "tools/freshet/service/freed_memory.hpp"

#include <malloc.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

std::size_t resident_bytes() {
  std::size_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(freed_memory, goes_back_once_a_period_and_not_before) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "another allocator";
#endif
  keep_freed_memory();
  constexpr std::size_t mebibyte = std::size_t{1} << 20;
  const auto start = freed_memory::clock::now();
  freed_memory freed(start);
  std::vector<std::unique_ptr<char[]>> blocks;
  for (int i = 0; i < 100; ++i) {
    blocks.emplace_back(new char[mebibyte]);
    std::memset(blocks.back().get(), 1, mebibyte);
  }
  const std::unique_ptr<char[]> above(new char[mebibyte]);   // what is freed is not the heap's end
  const std::size_t full = resident_bytes();
  blocks.clear();
  freed.turn(start + freed_memory::period / 2);
  EXPECT_GT(resident_bytes(), full - 20 * mebibyte) << "kept for the next step";
  freed.turn(start + freed_memory::period);
  EXPECT_LT(resident_bytes(), full - 80 * mebibyte);
}

}  // namespace
}  // namespace freshet::cli
