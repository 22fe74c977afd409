// What of a distiller outlives the process, in one folder:
//   distiller.db              samples of the replay by their slots, the counting of it, which accepted work is
//                             learned, and the number of the student file that counts
//   student-N.safetensors     weights, mirror, version and optimiser (distiller_state.hpp); the newest two
// A student file is written under a new number, synced, and counts from the transaction that names it. So
// every commit is all of a change or nothing of it: a sample, that its work is learned, and how many samples wait
// for a refresh; or a version and that none waits.
// What is damaged is kept under another name and said (faults), never overwritten.
// Thread contract: one owner a folder.
#pragma once

#include "actors/distiller/distiller_state.hpp"
#include "actors/distiller/learned_entries.hpp"
#include "actors/store/database.hpp"
#include "kernels/distill/replay.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace freshet::actors {

class distiller_store {
 public:
  /// Figures that change with every commit.
  struct figures {
    distill::replay::marks replay;
    std::uint64_t samples = 0;       ///< accepted into training so far
    std::uint64_t fresh = 0;         ///< of these since the last refresh
    std::uint64_t window_first = 0;  ///< samples before the first of the next version
  };
  /// Accepted work that is learned now, with the mark of its journal.
  struct learned_work {
    std::uint64_t journal = 0;
    std::uint64_t entry = 0;  ///< 0: a bare end of a tick, not remembered
    std::uint64_t done_below = 0;
  };
  struct restored {
    std::optional<distiller_state> student;
    figures counts;
    std::vector<distill::sample_handle> recent, reservoir;
    bool slots_moved = false;  ///< samples are missing: rewrite_samples() before any commit_samples()
    learned_entries learned;
    std::size_t other_lines = 0;  ///< that have state here too
    std::vector<error> faults;    ///< what was there and could not be used, and where it is kept
  };

  /// Opens or makes the folder's files for this line. Student and samples of other lines stay as they are, for
  /// the case that they are needed again; what was learned in any line stays learned.
  static result<std::unique_ptr<distiller_store>> open(const std::filesystem::path& folder, content_hash line);

  /// What a former life left, once.
  [[nodiscard]] restored take_restored() { return std::exchange(restored_, {}); }

  /// Samples into memory, and the work that brought them learned.
  result<void> commit_samples(const std::vector<distill::replay::change>& changes, const learned_work& work,
                              const figures& counts);
  result<void> commit_student(const distiller_state& student, const figures& counts);
  /// All slots anew: the memory has another size than before.
  result<void> rewrite_samples(const std::vector<distill::sample_handle>& recent,
                               const std::vector<distill::sample_handle>& reservoir, const figures& counts);

 private:
  struct statements;
  distiller_store(std::filesystem::path folder, content_hash line, store::database db);
  result<void> prepare();
  result<void> load();
  result<void> load_head();
  result<void> load_samples();
  result<void> load_learned();
  result<void> load_student();
  result<void> write_head(const figures& counts, std::uint64_t file, std::uint64_t previous_file);
  result<void> erase_slot(int pool, std::uint64_t slot);
  result<void> add_sample(int pool, std::uint64_t slot, const distill::labelled_sample& sample);
  void remove_others() const;
  [[nodiscard]] std::filesystem::path student_file(std::uint64_t number) const;

  std::filesystem::path folder_;
  content_hash line_;
  store::database db_;
  std::unique_ptr<statements, void (*)(statements*)> sql_;
  std::uint64_t file_ = 0;  ///< number of the student file that counts; 0: none yet
  std::uint64_t previous_file_ = 0;
  std::uint64_t last_file_ = 0;        ///< highest number in use, by any line
  std::set<std::uint64_t> of_others_;  ///< student files of other lines
  restored restored_;
};

}  // namespace freshet::actors
