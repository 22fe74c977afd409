// Where things are on this machine: state, models, and the document that a running daemon was
// started with.
#pragma once

#include <string>

#include "kernels/base/result.hpp"

namespace freshet::cli {

/// $XDG_STATE_HOME/freshet, else $HOME/.local/state/freshet, else freshet-state in the working folder.
[[nodiscard]] std::string default_state_dir();
/// The shipped models: models/scenes in the working folder, else beside the build that this program
/// belongs to, else in the share/freshet that it was installed with; an error names where it looked.
[[nodiscard]] result<std::string> find_models();
/// A program that stands in the folder of the running one. It may be missing.
result<std::string> program_beside(const std::string& name);
/// The absolute form of a path, without a look at the disk.
[[nodiscard]] std::string absolute(const std::string& path);
[[nodiscard]] std::string working_dir();
/// The document of the daemon that has this state folder.
[[nodiscard]] std::string document_in(const std::string& state_dir);

/// From now on what this process makes is for its user only: state, sockets, logs.
void make_files_private();
/// With those above it that are missing, for this user only (0700).
result<void> make_folder(const std::string& path);
/// Replaces the file as a whole or not at all.
result<void> write_file(const std::string& path, const std::string& text);

/// Keeps a second daemon from the same state folder for as long as it lives (and the process with it).
class state_lock {
 public:
  static result<state_lock> take(const std::string& state_dir);
  state_lock(state_lock&& other) noexcept : file_(other.file_) { other.file_ = -1; }
  state_lock& operator=(state_lock&&) = delete;
  ~state_lock();

 private:
  explicit state_lock(int file) : file_(file) {}
  int file_ = -1;
};

}  // namespace freshet::cli
