#include "tools/freshet/commands/reloader.hpp"

#include <fstream>
#include <sstream>
#include <utility>

#include <spdlog/spdlog.h>

#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/paths.hpp"

namespace freshet::cli {

void reloader::operator()() {
  if (options_.file.empty()) return log_->warn("reload: the built-in default runs; there is no file to read again");
  poll();
  if (child_) return log_->warn("reload: the last one is still under way");
  const auto fresh = load_topology(options_);
  if (!fresh) {
    log_->error("reload: {} is not right; all goes on as it is", options_.file);
    std::istringstream problems(fresh.err().code == errc::config ? fresh.err().context : fresh.err().text());
    for (std::string line; std::getline(problems, line);) log_->error("reload: {}", line);
    return;
  }
  // A node alone is run by the engine, which applies nothing.
  const auto program = program_beside("freshet");
  if (!program) return log_->error("reload: {}", program.err().text());
  auto started = child_process::start({*program, "apply", options_.file, "--state", state_dir_, "--who", "SIGHUP"}, words());
  if (!started) return log_->error("reload: {}", started.err().text());
  child_.emplace(std::move(started).value());
  log_->info("reload: {} is right and is being applied", options_.file);
}

void reloader::poll() {
  if (!child_) return;
  const auto how = child_->ended();
  if (!how) return;
  child_.reset();
  if (!how->by_signal && how->number == exit_ok)
    log_->info("reload: {} is applied", options_.file);
  else
    log_->error("reload: {} was not applied: {}; all goes on as it was", options_.file, last_words());
}

std::string reloader::last_words() const {
  std::ifstream in(words());
  std::string last;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) last = line;
  return last.empty() ? "its words are in " + words() : last;
}

}  // namespace freshet::cli
