// Which accepted work the distiller has learned, so that what is labelled twice is learned once: for each
// journal of an intake a low-water mark, below which everything is done, and the entries above it. The
// intake moves the mark with every lease, so the set stays as small as the intake's backlog.
// Plain value of one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

namespace freshet::actors {

class learned_entries {
 public:
  struct of_journal {
    std::uint64_t done_below = 0;
    std::set<std::uint64_t> entries;  ///< at or above the mark
  };

  [[nodiscard]] bool knows(std::uint64_t journal, std::uint64_t entry) const;
  void add(std::uint64_t journal, std::uint64_t entry);
  /// The mark never goes back.
  void advance(std::uint64_t journal, std::uint64_t done_below);

  [[nodiscard]] const std::map<std::uint64_t, of_journal>& all() const noexcept { return journals_; }
  /// Entries that are remembered one by one.
  [[nodiscard]] std::size_t size() const noexcept;

 private:
  std::map<std::uint64_t, of_journal> journals_;
};

}  // namespace freshet::actors
