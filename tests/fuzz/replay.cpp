// Runs a fuzz target without libFuzzer: every input of a corpus, and then mutations of them, the same ones
// in every run. So each decoder is shaken in every test run, with any compiler.
//   fuzz_NAME CORPUS_FOLDER [ROUNDS]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "kernels/base/rng.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using bytes = std::vector<std::uint8_t>;

void mutate(bytes& input, const std::vector<bytes>& corpus, freshet::rng& chance) {
  const std::size_t edits = 1 + chance.below(4);
  for (std::size_t e = 0; e < edits; ++e) {
    const std::size_t size = input.size();
    const auto at = [&] { return static_cast<std::ptrdiff_t>(size == 0 ? 0 : chance.below(size)); };
    switch (chance.below(7)) {
      case 0:
        if (size > 0) input[static_cast<std::size_t>(at())] ^= static_cast<std::uint8_t>(1U << chance.below(8));
        break;
      case 1:
        if (size > 0) input[static_cast<std::size_t>(at())] = static_cast<std::uint8_t>(chance.next());
        break;
      case 2: input.resize(size == 0 ? 0 : chance.below(size)); break;
      case 3: input.insert(input.begin() + at(), static_cast<std::uint8_t>(chance.next())); break;
      case 4:
        if (size > 0) input.erase(input.begin() + at());
        break;
      case 5: {   // numbers that are next to a limit
        constexpr std::uint8_t edges[] = {0x00, 0xff, 0x7f, 0x80, 0x01};
        const std::uint8_t edge = edges[chance.below(5)];
        for (std::size_t i = static_cast<std::size_t>(at()), n = 0; i < size && n < 8; ++i, ++n) input[i] = edge;
        break;
      }
      default: {   // the front of one and the end of another
        const bytes& other = corpus[chance.below(corpus.size())];
        if (other.empty() || size == 0) break;
        input.resize(static_cast<std::size_t>(at()));
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(chance.below(other.size())), other.end());
      }
    }
  }
}

}  // namespace

/// What targets with mutators of their own call; here they are not asked.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t*, std::size_t size, std::size_t) { return size; }

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER [ROUNDS]\n", argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1]))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<bytes> corpus;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: no inputs; a corpus has at least one\n", argv[1]);
    return 1;
  }
  for (const bytes& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
  const std::size_t rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 20'000;
  freshet::rng chance(1);
  for (std::size_t i = 0; i < rounds; ++i) {
    bytes input = corpus[chance.below(corpus.size())];
    mutate(input, corpus, chance);
    // Of its exact size, so that a sanitizer sees a read beyond it.
    const bytes exact(input.begin(), input.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
  }
  std::printf("%zu inputs and %zu mutations of them\n", corpus.size(), rounds);
  return 0;
}
