// A journal in memory: bounded by the number of devices that it remembers and the width of each
// one's window. How many batches it holds is bounded by its owner.
#pragma once

#include "actors/intake/journal.hpp"
#include "actors/intake/sequence_window.hpp"

#include <map>

namespace freshet::actors {

class memory_journal final : public journal {
 public:
  struct options {
    std::size_t max_devices = 1024;
    std::size_t window = std::size_t{1} << 16;  ///< positions of a device's stream that are told apart
  };

  explicit memory_journal(options settings);
  memory_journal() : memory_journal(options{}) {}

  [[nodiscard]] std::uint64_t id() const override { return id_; }
  [[nodiscard]] bool knows(device_id device, sequence position) const override;
  result<std::uint64_t> append(topology::uts_batch batch) override;
  [[nodiscard]] result<topology::uts_batch> read(std::uint64_t entry) const override;
  result<void> erase(const std::vector<std::uint64_t>& entries) override;
  result<void> set_aside(std::uint64_t entry) override { return erase({entry}); }
  result<void> probe(std::uint64_t) override { return {}; }
  [[nodiscard]] std::vector<held_entry> pending() const override;
  [[nodiscard]] std::uint64_t done_below() const override;
  [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }

 private:
  options settings_;
  std::uint64_t id_;
  std::map<device_id, sequence_window> seen_;
  std::map<std::uint64_t, topology::uts_batch> entries_;
  std::uint64_t next_entry_ = 1;
  std::uint64_t bytes_ = 0;
};

}  // namespace freshet::actors
