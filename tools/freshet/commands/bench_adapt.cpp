// freshet bench adapt: does it work? Policies side by side on a stream whose domain shifts.
#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "actors/port/zmq_transport.hpp"
#include "actors/rt/system.hpp"
#include "config/parse.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/scenes/data_folder.hpp"
#include "tools/freshet/bench/adapt_report.hpp"
#include "tools/freshet/bench/adapt_run.hpp"
#include "tools/freshet/bench/policies.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/failure.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/process_signals.hpp"

namespace freshet::cli {
namespace {

struct adapt_command {
  adapt_plan plan;
  std::string models;
  std::vector<std::string> policy_names;
  std::uint32_t seeds = 1;
  std::uint64_t first_seed = 1;
  unsigned jobs = 2;
  std::string json_file;
  std::string plot_file;
  std::string settings_file;
  std::string log_level = "error";
  bool json_to_stdout = false;
};

struct job {
  policy what;
  std::uint64_t seed = 0;
};

result<void> write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.flush();
  if (!file) return error{errc::io, path};
  return {};
}

/// Phases that show something, when the user names none. Shifts are of pictures.
result<std::vector<std::string>> default_phases(const std::string& data, bool pictures) {
  if (data == "scenes") return std::vector<std::string>{"clean", "fog", "noise", "cast", "rain", "clean"};
  scenes::data_folder folder;
  if (std::filesystem::path(data).extension() != ".jsonl") {
    FRESHET_TRY_ASSIGN(folder, scenes::list_domains(data));
  }
  if (!folder.several) {
    return pictures ? std::vector<std::string>{"clean", "fog", "night", "noise", "clean"} : std::vector<std::string>{"clean"};
  }
  std::vector<std::string> names;
  for (const auto& d : folder.domains) names.push_back(d.name);
  names.push_back(names.front());
  return names;
}

/// Those that were named, or all that make sense for the student.
result<std::vector<policy>> policies_of(const adapt_command& command) {
  std::vector<policy> out;
  for (const std::string& name : command.policy_names) {
    FRESHET_TRY_ASSIGN(const policy found, find_policy(name));
    FRESHET_TRY_ASSIGN(const std::string misfit, misfit_of(command.plan, found));
    if (!misfit.empty()) return error{errc::config, "policy " + name + ": " + misfit};
    out.push_back(found);
  }
  if (!out.empty()) return out;
  std::string misfit;
  for (const policy& p : policies()) {
    if (p.only_by_name) continue;
    FRESHET_TRY_ASSIGN(misfit, misfit_of(command.plan, p));
    if (misfit.empty()) {
      out.push_back(p);
    } else {
      std::fprintf(stderr, "left out: %.*s (%s)\n", static_cast<int>(p.name.size()), p.name.data(), misfit.c_str());
    }
  }
  if (out.empty()) return error{errc::config, misfit};
  return out;
}

/// One status line for all runs under way.
class status_line {
 public:
  status_line(std::size_t all, bool quiet) : all_(all), quiet_(quiet), tty_(isatty(2) != 0) {}
  void share(const std::string& name, double share) {
    const std::lock_guard guard(lock_);
    running_[name] = share;
    draw();
  }
  void finished(const std::string& name, const std::string& text) {
    const std::lock_guard guard(lock_);
    running_.erase(name);
    ++done_;
    if (!quiet_) std::fprintf(stderr, "%s[%zu/%zu] %s\n", tty_ ? "\r\033[K" : "", done_, all_, text.c_str());
  }

 private:
  void draw() {
    if (quiet_ || !tty_) return;
    std::string text = "running";
    for (const auto& [name, share] : running_) {
      char part[96];
      std::snprintf(part, sizeof part, "  %s %.0f%%", name.c_str(), share * 100);
      text += part;
    }
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    std::fflush(stderr);
  }
  std::mutex lock_;
  std::map<std::string, double> running_;
  std::size_t all_;
  std::size_t done_ = 0;
  bool quiet_;
  bool tty_;
};

int run_adapt(adapt_command& command) {
  if (command.plan.teacher.empty() && !command.models.empty()) command.plan.teacher = command.models + "/teacher";
  if (command.plan.student.empty() && !command.models.empty()) command.plan.student = command.models + "/student";
  if (command.plan.teacher.empty() || command.plan.student.empty()) {
    std::cerr << "freshet bench adapt: name the pair: --models DIR, or --teacher DIR and --student DIR\n";
    return exit_usage;
  }
  const auto student = model::load_model_config(command.plan.student);
  if (!student.ok()) return failed("bench adapt", student.err());
  if (command.plan.phases.empty()) {
    auto phases = default_phases(command.plan.data, student->vision.has_value());
    if (!phases.ok()) return failed("bench adapt", phases.err());
    command.plan.phases = *phases;
  }
  if (!command.settings_file.empty()) {
    auto text = config::read_text_file(command.settings_file);
    if (!text.ok()) return failed("bench adapt", text.err());
    command.plan.extra_toml = *text;
  }
  std::vector<std::uint64_t> seeds;
  for (std::uint32_t s = 0; s < command.seeds; ++s) seeds.push_back(command.first_seed + s);
  const auto compared = policies_of(command);
  if (!compared.ok()) return failed("bench adapt", compared.err());
  std::vector<job> jobs;
  for (const std::uint64_t seed : seeds) {
    for (const policy& p : *compared) jobs.push_back({p, seed});
  }

  // Runs share the process; each role has a thread of its own, so tensors stay on one core each.
  at::set_num_threads(1);
  auto log = std::make_shared<spdlog::logger>("bench", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log->set_level(spdlog::level::from_str(command.log_level));
  std::atomic<bool> stop{false};
  const process_signals signals([&stop] { stop.store(true); });
  std::vector<std::optional<result<adapt_outcome>>> outcomes(jobs.size());
  {
    rt::system_options options;
    options.log = log;
    rt::system engine(options);
    port::zmq_transport links;
    status_line status(jobs.size(), command.json_to_stdout);
    std::atomic<std::size_t> next{0};
    std::vector<std::thread> workers;
    for (unsigned w = 0; w < std::max(1U, command.jobs); ++w) {
      workers.emplace_back([&] {
        for (std::size_t i = next++; i < jobs.size() && !stop.load(); i = next++) {
          const std::string name = std::string(jobs[i].what.name) + " seed " + std::to_string(jobs[i].seed);
          outcomes[i] = run_policy(command.plan, jobs[i].what, jobs[i].seed, engine, links,
                                   [&](double share) { status.share(name, share); }, stop);
          if (outcomes[i]->ok()) {
            const adapt_outcome& o = **outcomes[i];
            char text[160];
            std::snprintf(text, sizeof text, "%s: accuracy %.1f%%, up %.0f B/sample, %llu refreshes, %.0f s", name.c_str(),
                          100.0 * static_cast<double>(o.correct) / static_cast<double>(std::max<std::uint64_t>(1, o.samples)),
                          static_cast<double>(o.uplink_bytes) / static_cast<double>(std::max<std::uint64_t>(1, o.samples)),
                          static_cast<unsigned long long>(o.refreshes), o.seconds);
            const std::string skipped = o.skipped == 0 ? "" : ", " + std::to_string(o.skipped) + " samples skipped that the student cannot read";
            status.finished(name, text + skipped);
          } else {
            status.finished(name, name + ": " + outcomes[i]->err().text());
            stop.store(true);
          }
        }
      });
    }
    for (std::thread& w : workers) w.join();
  }
  std::vector<adapt_outcome> finished;
  for (const auto& o : outcomes) {
    if (!o) continue;
    if (!o->ok()) return failed("bench adapt", o->err());
    finished.push_back(**o);
  }
  if (finished.size() != jobs.size()) return failed("bench adapt", error{errc::cancelled, "not all runs were finished"});

  const auto report = adapt_json(command.plan, seeds, finished);
  if (command.json_to_stdout) {
    std::cout << report.dump(2) << '\n';
  } else {
    std::cout << adapt_table(report) << '\n' << stage_table(report);
  }
  if (!command.json_file.empty()) {
    if (const auto written = write_text(command.json_file, report.dump(2) + "\n"); !written.ok()) return failed("bench adapt", written.err());
  }
  if (!command.plot_file.empty()) {
    const std::string plot = adapt_plot(command.plan, finished);
    if (const auto written = write_text(command.plot_file, plot); !written.ok()) return failed("bench adapt", written.err());
  }
  return exit_ok;
}

}  // namespace

void add_bench_adapt(CLI::App& bench, action& chosen) {
  auto command = std::make_shared<adapt_command>();
  CLI::App* app = bench.add_subcommand("adapt", "Policies side by side on a stream whose domain shifts");
  std::string names;
  for (const policy& p : policies()) {
    names += "\n  " + std::string(p.name) + std::string(14 - p.name.size(), ' ') + std::string(p.prose);
  }
  app->footer("Every policy runs through the real engine: actors, links, artefacts. Samples are answered before\n"
              "they are learned from; true answers only score.\n\nPolicies:" + names);
  app->add_option("--data", command->plan.data, "\"scenes\", a data folder (see the README), or a .jsonl file")->capture_default_str();
  app->add_option("--models", command->models, "Folder with teacher/ and student/, as pretrain writes it");
  app->add_option("--teacher", command->plan.teacher, "Folder of the teacher in Hugging Face layout, instead of DIR/teacher");
  app->add_option("--student", command->plan.student, "Folder of the student, instead of DIR/student: another size, or quantised");
  app->add_option("--phases", command->plan.phases, "Domains in order; the first is the student's own")->delimiter(',');
  app->add_option("--policies", command->policy_names, "Which to compare; when not given, all that fit the student but those by name only")->delimiter(',');
  app->add_option("--seeds", command->seeds, "Number of seeds")->capture_default_str()->check(CLI::Range(1, 100));
  app->add_option("--first-seed", command->first_seed, "The first of them")->capture_default_str();
  app->add_option("--devices", command->plan.devices, "Size of the fleet")->capture_default_str()->check(CLI::Range(1, 64));
  app->add_option("--samples-per-phase", command->plan.samples_per_phase, "For each device; a shorter data set ends its phase")
      ->capture_default_str();
  app->add_option("--samples-per-tick", command->plan.samples_per_tick, "For each device, between two looks at the cloud")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app->add_option("--severity", command->plan.severity, "Strength of the shifts")->capture_default_str()->check(CLI::Range(0.0, 1.0));
  app->add_option("--settings", command->settings_file, "TOML tables on top of every policy: ablate one part at a time");
  app->add_option("--jobs", command->jobs, "Runs side by side")->capture_default_str()->check(CLI::Range(1, 16));
  app->add_option("--log", command->log_level, "What the engine tells on standard error")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}));
  app->add_option("--json", command->json_file, "Write the report there");
  app->add_option("--plot", command->plot_file, "Write the accuracy over time there, as SVG");
  app->add_flag("--print-json", command->json_to_stdout, "Print the report as JSON instead of the table");
  app->callback([command, &chosen] { chosen = [command] { return run_adapt(*command); }; });
}

}  // namespace freshet::cli
