// A journal on the disk: one file of records. An append is one synced transaction of the batch and of
// the positions that it makes known, so an accepted sample survives whatever dies, and is accepted once
// in all lives. In memory are only numbers: of each held entry its size, of each device the window of
// its positions.
// Owned by one intake core; one thread at a time.
#pragma once

#include "actors/intake/journal.hpp"
#include "actors/intake/sequence_window.hpp"
#include "actors/store/database.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <utility>

namespace freshet::actors {

class durable_journal final : public journal {
 public:
  struct options {
    std::size_t max_devices = 4096;
    std::size_t window = std::size_t{1} << 16;  ///< positions of a device's stream that are told apart
  };

  /// Opens or makes the file; its folder must exist. A damaged file is an error that names it: what it
  /// promised must not be forgotten in silence.
  static result<std::unique_ptr<durable_journal>> open(const std::filesystem::path& file, options settings);
  static result<std::unique_ptr<durable_journal>> open(const std::filesystem::path& file) {
    return open(file, options{});
  }

  [[nodiscard]] std::uint64_t id() const override { return id_; }
  [[nodiscard]] bool knows(device_id device, sequence position) const override;
  result<std::uint64_t> append(topology::uts_batch batch) override;
  [[nodiscard]] result<topology::uts_batch> read(std::uint64_t entry) const override;
  result<void> erase(const std::vector<std::uint64_t>& entries) override;
  /// Into the table `damaged` of the same file.
  result<void> set_aside(std::uint64_t entry) override;
  result<void> probe(std::uint64_t batch_bytes) override;
  [[nodiscard]] std::vector<held_entry> pending() const override;
  [[nodiscard]] std::uint64_t done_below() const override;
  [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }

 private:
  struct entry_size {
    std::size_t samples = 0;
    std::uint64_t bytes = 0;
  };
  struct statements;
  durable_journal(store::database db, options settings);
  result<void> prepare();
  result<void> load();
  void drop(std::uint64_t entry);

  store::database db_;
  options settings_;
  std::unique_ptr<statements, void (*)(statements*)> sql_;
  std::uint64_t id_ = 0;
  std::uint64_t next_entry_ = 1;
  std::uint64_t bytes_ = 0;
  std::map<std::uint64_t, entry_size> entries_;
  std::map<device_id, sequence_window> seen_;
};

}  // namespace freshet::actors
