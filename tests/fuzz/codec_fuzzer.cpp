// Envelopes and bodies of the wire: see codec_fuzz.hpp.
#include "tests/fuzz/codec_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  freshet::test_support::fuzz_codec(data, size);
  return 0;
}

/// Starts from a real parcel of some type as often as from nothing.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  freshet::rng random(seed);
  if (random.chance(0.01)) {
    freshet::topology::parcel p;
    p.body = freshet::test_support::random_message_of(random.below(std::variant_size_v<freshet::topology::any_message>),
                                                      random);
    const auto bytes = freshet::test_support::join_frames(freshet::topology::encode(p).value());
    if (bytes.size() <= max_size) {
      std::copy(bytes.begin(), bytes.end(), data);
      size = bytes.size();
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
