// Packed batches that wait for the cloud on the disk, under a quota of bytes. A batch stays until the
// intake has settled it, so it outlives the process on either side. Beyond the quota the batch whose
// samples are the least uncertain on average goes first, of equals the oldest; one that was taken by
// next() is left alone. In memory are only sizes and scores.
// A damaged file is kept under another name (*.damaged-N) and a new one begun: what it held is lost, and said.
// Thread contract: one owner a file.
#pragma once

#include "actors/store/database.hpp"
#include "topology/message/samples.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace freshet::actors {

class disk_spool {
 public:
  static result<std::unique_ptr<disk_spool>> open(const std::filesystem::path& file, std::uint64_t quota_bytes);

  /// Why an older file was put aside at open(); empty when none was.
  [[nodiscard]] const std::string& put_aside() const noexcept { return put_aside_; }

  /// Keeps the batch; returns how many samples were dropped for the quota, maybe its own. On an error
  /// nothing has changed.
  result<std::size_t> push(const topology::uts_batch& batch);
  struct taken {
    std::uint64_t number = 0;
    topology::uts_batch batch;
  };
  /// The oldest that was not taken in this life; nullopt when there is none. A batch that cannot be read is
  /// an error once.
  result<std::optional<taken>> next();
  /// These are settled. What an error leaves there goes with the next call that works.
  result<void> erase(const std::vector<std::uint64_t>& numbers);

  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  /// Of what waits to be sent.
  [[nodiscard]] std::size_t samples() const noexcept { return samples_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  struct size_and_worth {
    std::size_t samples = 0;
    std::uint64_t bytes = 0;
    double worth = 0;
  };
  struct statements;
  disk_spool(store::database db, std::uint64_t quota_bytes);
  result<void> load();
  void stop_waiting(std::uint64_t number);

  store::database db_;
  std::uint64_t quota_;
  std::unique_ptr<statements, void (*)(statements*)> sql_;
  std::string put_aside_;
  std::uint64_t next_number_ = 1;
  std::map<std::uint64_t, size_and_worth> waiting_;
  std::set<std::pair<double, std::uint64_t>> by_worth_;
  std::map<std::uint64_t, std::uint64_t> taken_;  ///< number and bytes
  std::uint64_t taken_bytes_ = 0;
  std::set<std::uint64_t> unerased_;
  std::size_t samples_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace freshet::actors
