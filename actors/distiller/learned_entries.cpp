#include "actors/distiller/learned_entries.hpp"

namespace freshet::actors {

bool learned_entries::knows(std::uint64_t journal, std::uint64_t entry) const {
  const auto it = journals_.find(journal);
  return it != journals_.end() && (entry < it->second.done_below || it->second.entries.count(entry) > 0);
}

void learned_entries::add(std::uint64_t journal, std::uint64_t entry) {
  of_journal& known = journals_[journal];
  if (entry >= known.done_below) known.entries.insert(entry);
}

void learned_entries::advance(std::uint64_t journal, std::uint64_t done_below) {
  of_journal& known = journals_[journal];
  if (done_below <= known.done_below) return;
  known.done_below = done_below;
  known.entries.erase(known.entries.begin(), known.entries.lower_bound(done_below));
}

std::size_t learned_entries::size() const noexcept {
  std::size_t all = 0;
  for (const auto& [journal, known] : journals_) all += known.entries.size();
  return all;
}

}  // namespace freshet::actors
