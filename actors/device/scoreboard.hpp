// How often the student and its frozen twin were right, over all and over the last samples. Only
// samples whose source knows the answer are scored; none of this leaves the device but as counts.
// Thread contract: one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace freshet::actors {

class scoreboard {
 public:
  static constexpr std::size_t window = 200;

  struct tally {
    std::uint64_t scored = 0;
    std::uint64_t correct = 0;
    std::uint64_t twin_correct = 0;
  };

  void add(bool correct, bool twin_correct);
  [[nodiscard]] const tally& all() const noexcept { return all_; }
  /// Over the last `window` scored samples.
  [[nodiscard]] const tally& recent() const noexcept { return recent_; }

 private:
  struct mark {
    bool correct;
    bool twin_correct;
  };
  tally all_;
  tally recent_;
  std::deque<mark> marks_;
};

}  // namespace freshet::actors
