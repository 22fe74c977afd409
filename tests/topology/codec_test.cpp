#include "topology/wire/codec.hpp"

#include "tests/fuzz/codec_fuzz.hpp"
#include "tests/support/random_message.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshet::topology {
namespace {

using test_support::random_message_of;
using test_support::same_bits;
using test_support::same_message;

constexpr std::size_t types = std::variant_size_v<any_message>;

shared_bytes bytes_of(std::vector<std::uint8_t> bytes) { return shared_bytes::of(std::move(bytes)); }

shared_bytes prefix(const shared_bytes& frame, std::size_t bytes) {
  return frame.part(0, bytes);
}

std::vector<std::uint8_t> copy(const shared_bytes& frame) { return {frame.data(), frame.data() + frame.bytes()}; }

parcel random_parcel(std::size_t type, rng& random) {
  parcel p;
  p.body = random_message_of(type, random);
  test_support::randomise(p.head, random);
  p.head.protocol = wire_protocol;
  p.head.type = number_of(p.body);
  p.head.from.node.resize(std::min<std::size_t>(p.head.from.node.size(), 255));
  p.head.from.role.resize(std::min<std::size_t>(p.head.from.role.size(), 255));
  p.head.to.node.resize(std::min<std::size_t>(p.head.to.node.size(), 255));
  p.head.to.role.resize(std::min<std::size_t>(p.head.to.role.size(), 255));
  return p;
}

TEST(codec, every_message_type_survives_bit_for_bit) {
  rng random(1);
  for (std::size_t type = 0; type < types; ++type) {
    for (int round = 0; round < 200; ++round) {
      const parcel sent = random_parcel(type, random);
      const auto frames = encode(sent);
      ASSERT_TRUE(frames.ok()) << frames.err().text();
      const auto got = decode(*frames, {});
      ASSERT_TRUE(got.ok()) << name_of(sent.body) << ": " << got.err().text();
      ASSERT_TRUE(same_bits(got->head, sent.head)) << name_of(sent.body);
      ASSERT_TRUE(same_message(got->body, sent.body)) << name_of(sent.body);
      const auto head = decode_envelope(frames->front(), {});
      ASSERT_TRUE(head.ok());
      ASSERT_TRUE(*head == sent.head);
    }
  }
}

TEST(codec, a_cut_anywhere_is_an_error) {
  rng random(2);
  for (std::size_t type = 0; type < types; ++type) {
    for (int round = 0; round < 3; ++round) {
      const auto frames = encode(random_parcel(type, random)).value();
      for (std::size_t f = 0; f < frames.size(); ++f) {
        for (std::size_t bytes = 0; bytes < frames[f].bytes(); ++bytes) {
          auto cut = frames;
          cut[f] = prefix(frames[f], bytes);
          const auto got = decode(cut, {});
          ASSERT_FALSE(got.ok()) << "type " << type << " frame " << f << " cut to " << bytes;
          if (f < 2) {
            ASSERT_EQ(got.err().code, errc::truncated) << got.err().text();
          }
        }
      }
      for (std::size_t kept = 0; kept < frames.size(); ++kept) {
        ASSERT_FALSE(decode({frames.data(), kept}, {}).ok());
      }
    }
  }
}

TEST(codec, mutated_parcels_never_do_harm) {
  rng random(3);
  std::size_t accepted = 0;
  constexpr std::size_t rounds = 40000;
  for (std::size_t round = 0; round < rounds; ++round) {
    auto bytes = test_support::join_frames(encode(random_parcel(round % types, random)).value());
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      const auto at = static_cast<std::size_t>(random.below(bytes.size()));
      switch (random.below(4)) {
        case 0:
          bytes[at] = static_cast<std::uint8_t>(random.next());
          break;
        case 1:
          bytes[at] ^= static_cast<std::uint8_t>(1U << random.below(8));
          break;
        case 2:
          bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        default:
          bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(random.next()));
      }
      if (bytes.empty()) bytes.push_back(0);
    }
    accepted += test_support::fuzz_codec(bytes.data(), bytes.size()) ? 1 : 0;
  }
  // Both ways are really taken: a flipped bit in a number is another number.
  EXPECT_GT(accepted, rounds / 100);
  EXPECT_LT(accepted, rounds);
}

TEST(codec, random_bytes_never_do_harm) {
  rng random(4);
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::uint8_t> bytes(1 + random.below(200));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random.next());
    test_support::fuzz_codec(bytes.data(), bytes.size());
  }
}

TEST(codec, the_bytes_are_those_of_the_protocol) {
  // Written by hand from the MessagePack specification and PROTOCOL.md: these may never change.
  parcel p;
  p.head.from = {"d1", "device"};
  p.head.to = {"c", "bench"};
  p.head.life = epoch{0x0102030405060708};
  p.head.number = 300;
  p.head.to_life = epoch{9};
  uts_batch batch;
  batch.device = device_id{7};
  batch.tick = 70000;
  batch.end_of_tick = true;
  batch.tokens_per_sample = 9;
  batch.format = token_format::features_i8;
  batch.token_bytes = 2;
  batch.payload = host_tensor::of(std::vector<std::int8_t>{1, -1}, {1, 2});
  batch.scales = host_tensor::of(std::vector<float>{0.5F});
  uts_sample sample;
  sample.position = sequence{5};
  sample.question = "q?";
  sample.uncertainty = 1.5F;
  sample.kept = {0x10, 0x00};
  sample.kept_count = 1;
  batch.samples = {sample};
  batch.encoder = content_hash(6);
  p.body = batch;
  const auto frames = encode(p).value();
  ASSERT_EQ(frames.size(), 4U);
  EXPECT_EQ(copy(frames[0]),
            (std::vector<std::uint8_t>{0x99, 1,    21,                                              // protocol, type
                                       0x92, 0xa2, 'd',  '1',  0xa6, 'd', 'e', 'v', 'i', 'c', 'e',  // from
                                       0x92, 0xa1, 'c',  0xa5, 'b',  'e', 'n', 'c', 'h',            // to
                                       0xcf, 1,    2,    3,    4,    5,   6,   7,   8,              // life
                                       0xcd, 0x01, 0x2c, 0,    0,    9}));  // number … to_life
  EXPECT_EQ(copy(frames[1]), (std::vector<std::uint8_t>{0x9b, 7,    0xce, 0x00, 0x01, 0x11, 0x70, 0xc3, 9,
                                                        1,    0xc2, 2,    0x93, 1,    0x92, 1,    2,    1,  // payload
                                                        0x93, 7,    0x91, 1,    2,                          // scales
                                                        0x91, 0x99, 5,    0xa2, 'q',  '?',  0xa0, 0xca, 0x3f,
                                                        0xc0, 0,    0,    0xc2, 0xc4, 2,    0x10, 0x00, 1,
                                                        0,    0xa0,   // student and domain: of probes only
                                                        6}));         // encoder
  EXPECT_EQ(copy(frames[2]), (std::vector<std::uint8_t>{0x01, 0xff}));
  EXPECT_EQ(copy(frames[3]), (std::vector<std::uint8_t>{0, 0, 0, 0x3f}));
  // As it was before batches named an encoder, and as it lies in journals of that time.
  auto earlier = frames;
  auto body = copy(frames[1]);
  body[0] = 0x9a;
  body.pop_back();
  earlier[1] = shared_bytes::of(std::move(body));
  batch.encoder = {};
  EXPECT_EQ(std::get<uts_batch>(*decode(earlier, {}).value().body), batch);
}

TEST(codec, numbers_in_vectors_are_little_endian_binary) {
  parcel p;
  p.body = leases_consumed{{1, 0x0203}};
  const auto frames = encode(p).value();
  EXPECT_EQ(copy(frames[1]),
            (std::vector<std::uint8_t>{0x93, 0xc4, 16, 1, 0, 0, 0, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0xc4, 0}));
  // As an earlier sender writes it: what it does not know of stays at its default.
  auto earlier = frames;
  earlier[1] = shared_bytes::of(std::vector<std::uint8_t>{0x91, 0xc4, 16, 1, 0, 0, 0, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(decode(earlier, {}).value(), decode(frames, {}).value());
}

TEST(codec, tensors_are_not_copied) {
  const auto bytes = host_tensor::of(std::vector<float>(1000, 1.0F));
  parcel p;
  p.body = version_committed{content_hash{1}, version{1}, version{2}, content_hash{3}, {}, bytes};
  const auto frames = encode(p).value();
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[2].data(), bytes.data());
  const auto got = decode(frames, {}).value();
  const auto& values = std::get<version_committed>(*got.body).values;
  EXPECT_EQ(values.data(), bytes.data());
  EXPECT_EQ(values.owner(), bytes.owner());
  EXPECT_TRUE(std::get<version_committed>(*got.body).artefact.empty());
}

TEST(codec, a_misaligned_frame_becomes_an_aligned_copy) {
  parcel p;
  p.body = version_committed{{}, {}, {}, {}, {}, host_tensor::of(std::vector<float>{1, 2, 3})};
  auto frames = encode(p).value();
  const auto block = std::make_shared<std::vector<std::uint8_t>>(frames[2].bytes() + 8);
  for (std::size_t offset = 0; offset < 5; ++offset) {
    auto* const at = block->data() + offset;
    std::memcpy(at, frames[2].data(), frames[2].bytes());
    auto moved = frames;
    moved[2] = shared_bytes(block, at, 12);
    const auto got = decode(moved, {}).value();
    const auto& values = std::get<version_committed>(*got.body).values;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(values.data()) % alignof(float), 0U);
    EXPECT_EQ(values.data() == at, offset % alignof(float) == 0);
    EXPECT_EQ(values.as<float>()[2], 3.0F);
  }
}

/// Frames of a parcel whose body is written by hand.
std::vector<shared_bytes> with_body(const any_message& like, std::vector<std::uint8_t> body) {
  parcel p;
  p.body = like;
  auto frames = encode(p).value();
  frames.resize(1);
  frames.push_back(bytes_of(std::move(body)));
  return frames;
}

TEST(codec, a_newer_peers_fields_are_skipped) {
  // pace{1, 2, 3} with a map, an extension, nested arrays and a float behind.
  const auto got = decode(
      with_body(pace{}, {0x97, 1, 2, 3, 0x81, 0xa1, 'k', 0xc0, 0xd4, 1, 2, 0x92, 0x91, 1, 0xc3, 0xca, 0, 0, 0, 0}), {});
  ASSERT_TRUE(got.ok()) << got.err().text();
  EXPECT_TRUE(std::get<pace>(*got->body) == (pace{1, 2, 3}));
}

TEST(codec, a_newer_peers_tensor_frame_is_skipped) {
  // artefact_chunk inside of which a newer peer put another tensor behind `bytes`.
  auto frames = with_body(artefact_chunk{}, {0x94, 1, 2, 0x93, 0, 0x91, 1, 1, 0x93, 0, 0x91, 2, 2});
  frames.push_back(bytes_of({42}));
  frames.push_back(bytes_of({1, 2}));
  const auto got = decode(frames, {});
  ASSERT_TRUE(got.ok()) << got.err().text();
  EXPECT_EQ(std::get<artefact_chunk>(*got->body).bytes.data()[0], 42);
}

TEST(codec, an_older_peers_missing_fields_keep_their_defaults) {
  const auto got = decode(with_body(uts_batch{}, {0x92, 9, 8}), {});
  ASSERT_TRUE(got.ok()) << got.err().text();
  uts_batch expected;
  expected.device = device_id{9};
  expected.tick = 8;
  EXPECT_TRUE(std::get<uts_batch>(*got->body) == expected);
}

struct bad_body {
  const char* what;
  any_message like;
  std::vector<std::uint8_t> body;
  errc code;
  const char* says;
};

TEST(codec, bad_bodies_are_refused_with_the_place) {
  const std::vector<bad_body> all = {
      {"number too wide", pace{}, {0x93, 1, 2, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0}, errc::corrupt, "pace.count: 4294967296"},
      {"negative", pace{}, {0x93, 1, 0xff, 3}, errc::corrupt, "pace.first"},
      {"text for a number", pace{}, {0x93, 0xa1, '1', 2, 3}, errc::corrupt, "pace.tick"},
      {"number for bool", uts_batch{}, {0x93, 1, 2, 1}, errc::corrupt, "uts_batch.end_of_tick"},
      {"enum out of range", uts_batch{}, {0x95, 1, 2, 0xc2, 4, 3}, errc::corrupt, "uts_batch.format: 3"},
      {"trailing bytes", pace{}, {0x93, 1, 2, 3, 0}, errc::corrupt, "pace: 1 bytes after"},
      {"map for struct", pace{}, {0x83, 1, 2, 3}, errc::corrupt, "pace: expected an array"},
      {"array for numbers", leases_consumed{}, {0x91, 0x91, 1}, errc::corrupt, "leases_consumed.leases"},
      {"odd bytes for numbers",
       leases_consumed{},
       {0x91, 0xc4, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0},
       errc::corrupt,
       "leases_consumed.leases: 9 bytes"},
      {"binary for text", stop_request{}, {0x91, 0xc4, 1, 'x'}, errc::corrupt, "stop_request.reason"},
      {"double for float",
       uts_batch{},
       {0x9a, 1, 2, 0xc2, 4, 0, 0xc2, 4, 0xc0, 0xc0, 0x91, 0x94, 1, 0xa0, 0xa0, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0},
       errc::corrupt,
       "uts_batch.samples[0].uncertainty"},
      {"huge array", label_request{}, {0x92, 1, 0xdd, 0xff, 0xff, 0xff, 0xff}, errc::truncated, "label_request.batch"},
      {"huge text", stop_request{}, {0x91, 0xdb, 0xff, 0xff, 0xff, 0xff}, errc::too_large, "stop_request.reason"},
      {"huge binary", leases_consumed{}, {0x91, 0xc6, 0xff, 0xff, 0xff, 0xff}, errc::too_large, "leases"},
      {"reserved tag", pace{}, {0x94, 1, 2, 3, 0xc1}, errc::corrupt, "unknown field 3"},
      {"dtype", artefact_chunk{}, {0x93, 1, 2, 0x93, 9, 0x91, 1, 1}, errc::unsupported, "artefact_chunk.bytes: dtype"},
      {"no such frame", artefact_chunk{}, {0x93, 1, 2, 0x93, 0, 0x91, 1, 1}, errc::truncated, "tensor frame 1 of 0"},
      {"negative dimension", artefact_chunk{}, {0x93, 1, 2, 0x93, 0, 0x91, 0xff, 0}, errc::shape_mismatch, "negative"},
      {"items without a frame", artefact_chunk{}, {0x93, 1, 2, 0x93, 0, 0x91, 4, 0}, errc::shape_mismatch, "bytes"},
      {"overflowing shape",
       artefact_chunk{},
       {0x93, 1, 2, 0x93, 0, 0x92, 0xcf, 0x40, 0, 0, 0, 0, 0, 0, 0, 0xcf, 0x40, 0, 0, 0, 0, 0, 0, 0, 0},
       errc::too_large,
       "artefact_chunk.bytes"},
      {"half a tensor", artefact_chunk{}, {0x93, 1, 2, 0x92, 0, 0x91, 1}, errc::corrupt, "a tensor is"},
  };
  for (const auto& bad : all) {
    const auto got = decode(with_body(bad.like, bad.body), {});
    ASSERT_FALSE(got.ok()) << bad.what;
    EXPECT_EQ(got.err().code, bad.code) << bad.what << ": " << got.err().text();
    EXPECT_NE(got.err().context.find(bad.says), std::string::npos) << bad.what << ": " << got.err().text();
  }
}

TEST(codec, a_tensor_frame_is_used_once) {
  auto frames = with_body(refresh_request{}, {0x95, 1, 2, 3, 0x93, 0, 0x91, 1, 1, 0x93, 0, 0x91, 1, 1});
  frames.push_back(bytes_of({1}));
  const auto got = decode(frames, {});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.err().code, errc::corrupt);
}

TEST(codec, deep_nesting_is_refused) {
  std::vector<std::uint8_t> body{0x94, 1, 2, 3};
  body.insert(body.end(), 100000, 0x91);
  body.push_back(0);
  const auto got = decode(with_body(pace{}, body), {});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.err().code, errc::too_large);
}

TEST(codec, limits_hold_on_both_ends) {
  wire_limits small;
  small.text_bytes = 10;
  small.items = 40;
  small.frames = 3;
  small.frame_bytes = 16;
  const auto refused = [&](any_message m, const char* says) {
    parcel p;
    p.body = std::move(m);
    const auto sent = encode(p, small);
    ASSERT_FALSE(sent.ok()) << says;
    EXPECT_EQ(sent.err().code, errc::too_large);
    EXPECT_NE(sent.err().context.find(says), std::string::npos) << sent.err().text();
    const auto got = decode(encode(p).value(), small);
    ASSERT_FALSE(got.ok()) << says;
    EXPECT_EQ(got.err().code, errc::too_large) << got.err().text();
  };
  refused(stop_request{std::string(11, 'x')}, "stop_request.reason");
  refused(leases_consumed{std::vector<std::uint64_t>(41)}, "leases_consumed.leases");
  paced many;
  many.answers.resize(41);
  refused(many, "paced.answers");
  refused(artefact_chunk{1, 0, host_tensor::of(std::vector<std::uint8_t>(17))}, "artefact_chunk.bytes");
  const auto one = host_tensor::of(std::vector<float>{1});
  refused(version_committed{{}, {}, {}, {}, one, one}, "version_committed.values");
  small.text_bytes = 1000;
  small.body_bytes = 50;
  refused(stop_request{std::string(60, 'x')}, "stop_request");
}

TEST(codec, names_in_the_envelope_are_limited) {
  parcel p;
  p.head.from.node = std::string(256, 'n');
  p.body = stop_request{};
  const auto sent = encode(p);
  ASSERT_FALSE(sent.ok());
  EXPECT_NE(sent.err().context.find("envelope.from.node"), std::string::npos) << sent.err().text();
}

TEST(codec, an_unknown_type_is_named) {
  parcel p;
  p.body = pace{};
  auto frames = encode(p).value();
  auto head = copy(frames[0]);
  head[2] = 99;
  frames[0] = bytes_of(head);
  const auto got = decode(frames, {});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.err().code, errc::unsupported);
  EXPECT_NE(got.err().context.find("99"), std::string::npos);
  EXPECT_TRUE(decode_envelope(frames[0], {}).ok()) << "it can still be answered";
}

TEST(codec, another_protocol_is_named_whatever_follows) {
  const auto got = decode_envelope(bytes_of({0x92, 2, 0xa5}), {});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.err().code, errc::unsupported);
  EXPECT_NE(got.err().context.find("version 2"), std::string::npos);
}

TEST(codec, special_floats_keep_their_bits) {
  for (const std::uint32_t bits :
       {0x7f800000U, 0xff800000U, 0x7fc00000U, 0x7f800001U, 0xffc12345U, 0x00000001U, 0x80000000U}) {
    float value = 0;
    std::memcpy(&value, &bits, 4);
    parcel p;
    teacher_label label;
    label.confidence = value;
    label.topk_logits = {value};
    labelled_batch batch;
    batch.labels = {label};
    p.body = batch;
    const auto got = decode(encode(p).value(), {}).value();
    const auto& back = std::get<labelled_batch>(*got.body).labels[0];
    std::uint32_t scalar = 0;
    std::uint32_t element = 0;
    std::memcpy(&scalar, &back.confidence, 4);
    std::memcpy(&element, back.topk_logits.data(), 4);
    EXPECT_EQ(scalar, bits);
    EXPECT_EQ(element, bits);
  }
}

}  // namespace
}  // namespace freshet::topology
