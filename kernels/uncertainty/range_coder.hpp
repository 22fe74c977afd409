// A binary arithmetic coder whose probabilities learn as they go: range coding with carries as in
// LZMA (Pavlov), with the mean of a quick and a slow estimate for each context (as in AV1's and
// lpaq's counters), which adapts within a few symbols and still comes close to the entropy of long streams.
// Encoder and decoder must ask for the same contexts in the same order.
// Thread contract: one owner each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshet::uncertainty {

/// The probability that the next bit is 0, learned from the bits before it.
class adaptive_bit {
 public:
  /// In units of 2^-15, never 0 nor 2^15.
  [[nodiscard]] std::uint32_t zero_share() const noexcept {
    const auto mean = static_cast<std::uint32_t>(quick_ + slow_) >> 2;
    return mean < 32 ? 32 : mean > 32768 - 32 ? 32768 - 32 : mean;
  }
  void learn(bool bit) noexcept {
    // The first bits count as a plain mean; later ones fade at each estimate's own pace.
    constexpr std::int32_t quick_memory = 32;
    constexpr std::int32_t slow_memory = 256;
    const std::int32_t target = bit ? 0 : 65535;
    const std::int32_t seen = age_ + 2;
    quick_ += (target - quick_) / (seen < quick_memory ? seen : quick_memory);
    slow_ += (target - slow_) / (seen < slow_memory ? seen : slow_memory);
    if (age_ < slow_memory) ++age_;
  }

 private:
  std::int32_t quick_ = 32768;
  std::int32_t slow_ = 32768;
  std::int32_t age_ = 0;
};

class range_encoder {
 public:
  void put(adaptive_bit& context, bool bit) {
    const std::uint32_t bound = (range_ >> 15) * context.zero_share();
    if (bit) {
      low_ += bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    context.learn(bit);
    normalise();
  }
  /// The lowest `count` bits of `value`, the highest of them first, each as likely 0 as 1.
  void put_plain(std::uint32_t value, unsigned count) {
    while (count-- > 0) {
      range_ >>= 1;
      if (((value >> count) & 1U) != 0) low_ += range_;
      normalise();
    }
  }
  /// Ends the stream; the encoder is then spent. Zero bytes at the end are left out: a decoder reads
  /// zeros past the end.
  std::vector<std::uint8_t> finish() {
    for (int i = 0; i < 5; ++i) shift_low();
    while (!out_.empty() && out_.back() == 0) out_.pop_back();
    return std::move(out_);
  }
  /// Bytes so far, within five.
  [[nodiscard]] std::size_t size() const noexcept { return out_.size() + pending_; }

 private:
  void normalise() {
    while (range_ < (1U << 24)) {
      range_ <<= 8;
      shift_low();
    }
  }
  // A byte may still change by a carry while only 0xff stand behind it: those wait in `pending_`.
  void shift_low() {
    if (pending_ == 0 || low_ < 0xff000000ULL || low_ > 0xffffffffULL) {
      const auto carry = static_cast<std::uint8_t>(low_ >> 32);
      if (pending_ > 0) {
        out_.push_back(static_cast<std::uint8_t>(cache_ + carry));
        for (; pending_ > 1; --pending_) out_.push_back(static_cast<std::uint8_t>(0xff + carry));
        pending_ = 0;
      }
      cache_ = static_cast<std::uint8_t>(low_ >> 24);
    }
    ++pending_;
    low_ = (low_ & 0x00ffffffULL) << 8;
  }

  std::uint64_t low_ = 0;
  std::uint32_t range_ = 0xffffffffU;
  std::uint8_t cache_ = 0;
  std::size_t pending_ = 0;
  std::vector<std::uint8_t> out_;
};

/// Reads any bytes without ever leaving them: what lies past the end is zero.
class range_decoder {
 public:
  range_decoder(const std::uint8_t* data, std::size_t bytes) : data_(data), bytes_(bytes) {
    for (int i = 0; i < 4; ++i) code_ = (code_ << 8) | next();
  }
  bool get(adaptive_bit& context) {
    const std::uint32_t bound = (range_ >> 15) * context.zero_share();
    const bool bit = code_ >= bound;
    if (bit) {
      code_ -= bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    context.learn(bit);
    normalise();
    return bit;
  }
  std::uint32_t get_plain(unsigned count) {
    std::uint32_t value = 0;
    while (count-- > 0) {
      range_ >>= 1;
      const bool bit = code_ >= range_;
      if (bit) code_ -= range_;
      value = (value << 1) | static_cast<std::uint32_t>(bit);
      normalise();
    }
    return value;
  }
  /// Bytes read past the end: many of them mean that the stream was cut.
  [[nodiscard]] std::size_t past_end() const noexcept { return at_ > bytes_ ? at_ - bytes_ : 0; }
  /// True when every byte has been read.
  [[nodiscard]] bool at_end() const noexcept { return at_ >= bytes_; }

 private:
  std::uint8_t next() { return at_ < bytes_ ? data_[at_++] : (++at_, std::uint8_t{0}); }
  void normalise() {
    while (range_ < (1U << 24)) {
      range_ <<= 8;
      code_ = (code_ << 8) | next();
    }
  }

  const std::uint8_t* data_;
  std::size_t bytes_;
  std::size_t at_ = 0;
  std::uint32_t range_ = 0xffffffffU;
  std::uint32_t code_ = 0;
};

}  // namespace freshet::uncertainty
