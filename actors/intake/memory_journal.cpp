#include "actors/intake/memory_journal.hpp"

#include "actors/intake/batch_check.hpp"
#include "actors/intake/journal_id.hpp"

#include <string>
#include <utility>

namespace freshet::actors {

memory_journal::memory_journal(options settings) : settings_(settings), id_(draw_journal_id()) {}

bool memory_journal::knows(device_id device, sequence position) const {
  const auto it = seen_.find(device);
  return it != seen_.end() && it->second.seen(position);
}

result<std::uint64_t> memory_journal::append(topology::uts_batch batch) {
  auto it = seen_.find(batch.device);
  if (it == seen_.end()) {
    if (seen_.size() >= settings_.max_devices) {
      return error{errc::overloaded, "device " + std::to_string(batch.device.value) + " is one more than the " +
                                         std::to_string(settings_.max_devices) + " that this journal remembers"};
    }
    it = seen_.emplace(batch.device, sequence_window(settings_.window)).first;
  }
  for (const auto& sample : batch.samples) it->second.mark(sample.position);
  bytes_ += content_bytes(batch);
  const std::uint64_t entry = next_entry_++;
  entries_.emplace(entry, std::move(batch));
  return entry;
}

result<topology::uts_batch> memory_journal::read(std::uint64_t entry) const {
  const auto it = entries_.find(entry);
  if (it == entries_.end()) return error{errc::not_found, "entry " + std::to_string(entry) + " of the journal"};
  return it->second;
}

result<void> memory_journal::erase(const std::vector<std::uint64_t>& entries) {
  for (const std::uint64_t entry : entries) {
    const auto it = entries_.find(entry);
    if (it == entries_.end()) continue;
    bytes_ -= content_bytes(it->second);
    entries_.erase(it);
  }
  return {};
}

std::vector<journal::held_entry> memory_journal::pending() const {
  std::vector<held_entry> all;
  all.reserve(entries_.size());
  for (const auto& [entry, batch] : entries_) all.push_back({entry, batch.samples.size()});
  return all;
}

std::uint64_t memory_journal::done_below() const { return entries_.empty() ? next_entry_ : entries_.begin()->first; }

}  // namespace freshet::actors
