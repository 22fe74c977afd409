#include "tools/pretrain/pretrain.hpp"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "kernels/distill/phases.hpp"
#include "kernels/distill/pretrain.hpp"
#include "kernels/distill/rehearsal.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/word_tokenizer.hpp"
#include "tools/pretrain/model_sizes.hpp"

namespace freshet::tools {
namespace {

constexpr std::size_t measured_pictures = 400;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// One line that rewrites itself on a terminal, or a line every half minute elsewhere.
class progress_line {
 public:
  explicit progress_line(bool quiet) : quiet_(quiet), tty_(isatty(2) != 0) {}

  void show(const std::string& text, double seconds, bool last) {
    if (quiet_) return;
    const double every = tty_ ? 0.5 : 30;
    if (!last && seconds - shown_ < every) return;
    shown_ = seconds;
    std::fprintf(stderr, tty_ ? "\r\033[K%s%s" : "%s%s", text.c_str(), tty_ && !last ? "" : "\n");
    std::fflush(stderr);
  }

 private:
  bool quiet_;
  bool tty_;
  double shown_ = -1e9;
};

std::string bar(double share) {
  constexpr int width = 24;
  std::string out = "[";
  for (int i = 0; i < width; ++i) out += i < share * width ? '#' : '.';
  return out + "]";
}

/// Phases in which the model of that role is trained: the student's world is the first one only.
result<void> train_role(pair_role role, const pretrain_request& request, const distill::phase_set& world) {
  const std::string name = role == pair_role::teacher ? "teacher" : "student";
  std::vector<std::string> pieces = world.vocabulary;
  for (const char* mark : {"?", ",", "."}) pieces.emplace_back(mark);
  FRESHET_TRY_ASSIGN(const auto words_owner, model::word_tokenizer::make(std::move(pieces)));
  const model::word_tokenizer& words = *words_owner;
  const auto config = tiny_config(role, request.side, words);
  FRESHET_TRY(model::check_model_config(config, "the built-in " + name));
  model::multimodal m = model::multimodal::random(config, rng(request.seed).split(name).next());

  // The teacher first learns to see in the first domain alone: in all at once that takes far longer.
  constexpr double first_domain_share = 0.12;
  double share_done = 0;
  const distill::example_draw draw = [&](rng& random) {
    const bool all = role == pair_role::teacher && share_done >= first_domain_share;
    return world.phases[all ? random.below(world.phases.size()) : 0].draw(random);
  };
  distill::pretrain_options options;
  options.seed = rng(request.seed).split(name).split("training").next();
  options.learning_rate = request.learning_rate;
  options.dropped_batches = request.dropped_batches;
  options.fewest_tokens = request.fewest_tokens;

  const auto start = std::chrono::steady_clock::now();
  progress_line line(request.quiet);
  const auto elapsed = [&](std::int64_t step) {
    return request.steps > 0 ? static_cast<double>(step) / static_cast<double>(request.steps)
                             : seconds_since(start) / (request.minutes * 60);
  };
  const auto report = [&](const distill::pretrain_progress& p) {
    const double seconds = seconds_since(start);
    const double share = std::min(1.0, elapsed(p.step));
    share_done = share;
    char text[256];
    std::snprintf(text, sizeof text, "%s %s %3.0f%%  step %lld  %.0f pictures/s  loss %.3f  answers %.1f%%  lr %.1e  left %.0fs",
                  name.c_str(), bar(share).c_str(), share * 100, static_cast<long long>(p.step),
                  static_cast<double>(p.pictures) / seconds, p.loss, p.accuracy * 100, p.learning_rate,
                  share > 0 ? seconds / share - seconds : 0.0);
    line.show(text, seconds, share >= 1);
  };
  FRESHET_TRY(distill::pretrain(m, words, draw, options, elapsed, report));

  const std::filesystem::path folder = std::filesystem::path(request.out) / name;
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return error{errc::io, folder.string() + ": " + failed.message()};
  FRESHET_TRY(m.save(folder));
  FRESHET_TRY(words.save(folder));

  nlohmann::ordered_json card;
  card["data"] = request.data == "scenes" ? "scenes" : std::filesystem::path(request.data).filename().string();
  card["role"] = name;
  card["seed"] = request.seed;
  card["severity"] = request.severity;
  card["parameters"] = m.weights().count_values();
  std::printf("%s: %lld parameters\n  %-14s %8s %8s %8s\n", name.c_str(),
              static_cast<long long>(m.weights().count_values()), "phase", "all", "half", "quarter");
  for (const distill::phase& p : world.phases) {
    FRESHET_TRY_ASSIGN(const auto examples, p.held_out(measured_pictures));
    double share[3];
    int i = 0;
    for (double keep : {1.0, 0.5, 0.25}) {
      FRESHET_TRY_ASSIGN(const auto measured, distill::measure_accuracy(m, words, examples, keep, request.seed));
      share[i++] = measured.accuracy;
    }
    std::printf("  %-14s %7.1f%% %7.1f%% %7.1f%%\n", p.name.c_str(), share[0] * 100, share[1] * 100, share[2] * 100);
    std::fflush(stdout);
    card["held_out_accuracy"][p.name] = share[0];
    card["held_out_accuracy_half_of_tokens"][p.name] = share[1];
  }
  std::ofstream(folder / "pretraining.json") << card.dump(2) << '\n';
  return {};
}

/// Leaves samples of the student's own domain beside it: enough that replay does not learn them by heart.
result<void> write_rehearsal(const pretrain_request& request, const distill::phase_set& world) {
  const auto pictures = static_cast<std::size_t>(request.rehearsal_pictures);
  constexpr std::size_t questions = 3;
  const std::filesystem::path folder = std::filesystem::path(request.out) / "student";
  FRESHET_TRY_ASSIGN(const model::model_config config, model::load_model_config(folder));
  rng random = rng(request.seed).split("rehearsal");
  std::vector<scenes::example> examples;
  while (examples.size() < pictures) {
    FRESHET_TRY_ASSIGN(scenes::example e, world.phases.front().draw(random));
    random.shuffle(e.questions);
    if (e.questions.size() > questions) e.questions.resize(questions);
    if (!e.questions.empty()) examples.push_back(std::move(e));
  }
  return distill::save_rehearsal(folder, examples, *config.vision);
}

}  // namespace

result<void> run_pretrain(const pretrain_request& request) {
  if (request.role != "teacher" && request.role != "student" && request.role != "both" && request.role != "rehearsal") {
    return error{errc::invalid_argument, "--role " + request.role + ": use teacher, student, both or rehearsal"};
  }
  if (request.side < 16 || request.side % 8 != 0) {
    return error{errc::invalid_argument, "--side " + std::to_string(request.side) + ": use a multiple of 8, at least 16"};
  }
  at::set_num_threads(request.threads > 0 ? request.threads : static_cast<int>(std::thread::hardware_concurrency()));
  distill::phase_options options;
  options.side = request.side;
  options.severity = request.severity;
  options.seed = request.seed;
  FRESHET_TRY_ASSIGN(const distill::phase_set world, distill::open_phases(request.data, request.phases, options));
  const bool both = request.role == "both";
  if (both || request.role == "teacher") FRESHET_TRY(train_role(pair_role::teacher, request, world));
  if (both || request.role == "student") FRESHET_TRY(train_role(pair_role::student, request, world));
  if (request.role != "teacher") FRESHET_TRY(write_rehearsal(request, world));
  return {};
}

}  // namespace freshet::tools
