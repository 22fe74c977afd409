#include "actors/kept_message.hpp"

#include "actors/offer_content.hpp"
#include "topology/wire/codec.hpp"

#include <cstring>
#include <limits>
#include <memory>
#include <utility>

namespace freshet::actors {
namespace {

constexpr std::size_t seal_bytes = 8;
constexpr std::size_t number_bytes = 4;

template <class T>
void put(std::vector<std::uint8_t>& out, T number) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(&number);
  out.insert(out.end(), first, first + sizeof number);
}

template <class T>
T number_at(const std::vector<std::uint8_t>& from, std::size_t at) {
  T number = 0;
  std::memcpy(&number, from.data() + at, sizeof number);
  return number;
}

}  // namespace

result<std::vector<std::uint8_t>> bytes_of(const topology::any_message& m) {
  topology::parcel p;
  p.body = m;
  FRESHET_TRY_ASSIGN(const std::vector<shared_bytes> frames, topology::encode(p));
  std::size_t all = seal_bytes + number_bytes * (1 + frames.size());
  for (const shared_bytes& f : frames) {
    if (f.bytes() > std::numeric_limits<std::uint32_t>::max()) return error{errc::too_large, "a frame beyond 4 GiB"};
    all += f.bytes();
  }
  std::vector<std::uint8_t> out(seal_bytes);
  out.reserve(all);
  put(out, static_cast<std::uint32_t>(frames.size()));
  for (const shared_bytes& f : frames) put(out, static_cast<std::uint32_t>(f.bytes()));
  for (const shared_bytes& f : frames) out.insert(out.end(), f.data(), f.data() + f.bytes());
  const std::uint64_t seal = hash_content(out.data() + seal_bytes, out.size() - seal_bytes).value;
  std::memcpy(out.data(), &seal, seal_bytes);
  return out;
}

result<topology::any_message> message_of(std::vector<std::uint8_t> bytes, const std::string& origin) {
  const auto corrupt = [&](const char* what) { return error{errc::corrupt, origin + ": " + what}; };
  if (bytes.size() < seal_bytes + number_bytes) return corrupt("too short for a kept message");
  const auto seal = number_at<std::uint64_t>(bytes, 0);
  if (seal != hash_content(bytes.data() + seal_bytes, bytes.size() - seal_bytes).value) {
    return corrupt("the seal does not fit the bytes");
  }
  const std::size_t count = number_at<std::uint32_t>(bytes, seal_bytes);
  std::size_t at = seal_bytes + number_bytes;
  if (count > (bytes.size() - at) / number_bytes) return corrupt("more frames than bytes");
  std::vector<std::size_t> lengths;
  for (std::size_t i = 0; i < count; ++i, at += number_bytes) lengths.push_back(number_at<std::uint32_t>(bytes, at));
  const auto owner = std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes));
  std::vector<shared_bytes> frames;
  for (const std::size_t length : lengths) {
    if (length > owner->size() - at) return corrupt("a frame reaches beyond the end");
    frames.emplace_back(owner, owner->data() + at, length);
    at += length;
  }
  auto read = topology::decode(frames);
  if (!read.ok()) return error{read.err().code, origin + ": " + read.err().context};
  return topology::any_message{*read->body};
}

}  // namespace freshet::actors
