#include "tools/freshet/bench/adapt_run.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <thread>
#include <variant>

#include "actors/assembly/assembly.hpp"
#include "actors/assembly/device_streams.hpp"
#include "actors/assembly/model_pair.hpp"
#include "actors/assembly/text_only.hpp"
#include "actors/bench/bench_core.hpp"
#include "actors/rt/node.hpp"
#include "actors/rt/process_figures.hpp"
#include "config/merge.hpp"
#include "config/value.hpp"
#include "kernels/model/inspection.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/scenes/image_file.hpp"
#include "tools/freshet/bench/stuck.hpp"
#include "topology/graph/links.hpp"
#include "topology/graph/load.hpp"

namespace freshet::cli {
namespace {

using config::text_literal;

constexpr auto still_patience = std::chrono::seconds(60);
constexpr auto figures_patience = std::chrono::seconds(30);
constexpr auto stop_patience = std::chrono::seconds(10);
constexpr int jpeg_quality = 90;

/// A folder of its own for one run, gone afterwards.
class scratch_folder {
 public:
  explicit scratch_folder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() / ("freshet-bench-" + std::to_string(::getpid()) + "-" + name)) {
    std::filesystem::create_directories(path_);
  }
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// The streams as the devices see them, with the true answers that only the bench reads.
class truth {
 public:
  static result<truth> open(const adapt_plan& plan, std::uint64_t seed, const model::tokenizer& words,
                            const std::optional<model::vision_config>& eyes) {
    truth t(words);
    config::source_settings source;
    source.from = plan.data;
    source.phases = plan.phases;
    source.samples_per_phase = plan.samples_per_phase;
    source.severity = plan.severity;
    source.seed = seed;
    for (std::uint32_t i = 0; i < plan.devices; ++i) {
      actors::stream_place place;
      place.index = i;
      place.devices = plan.devices;
      place.pictures = eyes.has_value();
      if (eyes) place.side = static_cast<int>(eyes->image_size);
      FRESHET_TRY_ASSIGN(auto phases, actors::streams_for(source, place)());
      FRESHET_TRY_ASSIGN(auto stream, actors::phase_stream::make(std::move(phases), plan.samples_per_phase));
      t.streams_.push_back(std::move(stream));
    }
    return t;
  }

  /// Samples that every device has before its stream begins anew.
  [[nodiscard]] std::uint64_t length() const {
    std::uint64_t shortest = streams_.front().round_samples();
    for (const auto& s : streams_) shortest = std::min(shortest, s.round_samples());
    return shortest;
  }
  [[nodiscard]] const actors::phase_stream& of(std::uint32_t device) const { return streams_[device]; }

  /// True when both texts are the same to the tokenizer.
  [[nodiscard]] bool right(const std::string& answer, const std::string& wanted) const {
    return words_->encode(answer) == words_->encode(wanted);
  }

 private:
  explicit truth(const model::tokenizer& words) : words_(&words) {}
  std::vector<actors::phase_stream> streams_;
  const model::tokenizer* words_;
};

/// Rights and wrongs of one device, in stream order.
struct scored_stream {
  std::vector<bool> right;
  std::vector<std::size_t> phase;
  std::vector<std::size_t> position;
};

void fill_phases(adapt_outcome& out, const std::vector<scored_stream>& devices, const adapt_plan& plan) {
  // Devices go through a phase side by side; its samples are taken in turn.
  constexpr std::size_t window = 100;
  out.phases.resize(plan.phases.size());
  for (std::size_t p = 0; p < plan.phases.size(); ++p) {
    out.phases[p].name = plan.phases[p];
    std::vector<std::vector<bool>> parts;
    std::size_t longest = 0;
    for (const scored_stream& d : devices) {
      parts.emplace_back();
      for (std::size_t i = 0; i < d.right.size(); ++i) {
        if (d.phase[i] == p) parts.back().push_back(d.right[i]);
      }
      longest = std::max(longest, parts.back().size());
    }
    std::vector<bool> merged;
    for (std::size_t i = 0; i < longest; ++i) {
      for (const auto& part : parts) {
        if (i < part.size()) merged.push_back(part[i]);
      }
    }
    out.phases[p].samples = merged.size();
    out.phases[p].correct = static_cast<std::uint64_t>(std::count(merged.begin(), merged.end(), true));
    // Recovery: samples until the last `window` answers are as good as the phase's second half.
    const std::size_t half = merged.size() / 2;
    const auto right_after = [&](std::size_t from, std::size_t to) {
      return static_cast<double>(std::count(merged.begin() + static_cast<std::ptrdiff_t>(from),
                                            merged.begin() + static_cast<std::ptrdiff_t>(to), true)) /
             static_cast<double>(std::max<std::size_t>(1, to - from));
    };
    out.phases[p].recovery_samples = merged.size();
    const double settled = merged.empty() ? 0 : right_after(half, merged.size());
    for (std::size_t end = window; end <= merged.size(); ++end) {
      if (right_after(end - window, end) >= settled) {
        out.phases[p].recovery_samples = end;
        break;
      }
    }
  }
}

/// What samples would cost as they are; not those at `unread` positions, which no policy sends.
result<void> measure_plain_bytes(adapt_outcome& out, const truth& t, const std::set<std::uint64_t>& unread) {
  constexpr std::uint64_t looked_at = 200;
  const std::uint64_t step = std::max<std::uint64_t>(1, t.length() / looked_at);
  double png = 0;
  double jpeg = 0;
  double text = 0;
  double questions = 0;
  double pictures = 0;
  for (std::uint64_t i = 0; i < t.length(); i += step) {
    if (unread.count(i) != 0) continue;
    const auto s = t.of(0).at(i);
    if (!s.ok()) continue;
    text += static_cast<double>(s->question.size());
    questions += 1;
    if (s->picture.empty()) continue;
    pictures += 1;
    FRESHET_TRY_ASSIGN(const auto as_png, scenes::encode_png(s->picture));
    FRESHET_TRY_ASSIGN(const auto as_jpeg, scenes::encode_jpeg(s->picture, jpeg_quality));
    png += static_cast<double>(as_png.size());
    jpeg += static_cast<double>(as_jpeg.size());
  }
  if (questions > 0) out.text_bytes_per_sample = text / questions;
  if (pictures > 0) {
    out.png_bytes_per_sample = png / pictures;
    out.jpeg_bytes_per_sample = jpeg / pictures;
  }
  return {};
}

}  // namespace

result<std::string> run_topology(const adapt_plan& plan, const policy& p, std::uint64_t seed, const std::string& name,
                                 const std::string& state_dir) {
  const std::string student = text_literal(plan.student);
  std::string phases;
  for (const std::string& phase : plan.phases) phases += (phases.empty() ? "" : ", ") + text_literal(phase);
  const std::string number = std::to_string(seed);
  std::string out = "state_dir = " + text_literal(state_dir) + "\n";
  // Later tables stand above earlier ones of the same name: run, then policy, then the user's.
  std::vector<std::string> layers;
  layers.push_back("[device]\nmodel = " + student + "\nbatch = " + std::to_string(plan.samples_per_tick) +
                   "\ntwin = false\n[device.source]\nfrom = " + text_literal(plan.data) + "\nphases = [" + phases +
                   "]\nsamples_per_phase = " + std::to_string(plan.samples_per_phase) +
                   "\nseverity = " + config::real_literal(plan.severity) + "\nseed = " + number +
                   "\n[teacher]\nmodel = " + text_literal(plan.teacher) + "\nseed = " + number +
                   "\n[distiller]\nstudent = " + student + "\nseed = " + number + "\n[uplink_filter]\nseed = " + number +
                   "\n");
  layers.emplace_back(p.toml);
  layers.push_back(plan.extra_toml);
  FRESHET_TRY_ASSIGN(const std::string settings, config::merge_texts(layers));
  out += settings;
  const auto node = [&](const std::string& node_name, bool listens) {
    out += "\n[[nodes]]\nname = " + text_literal(node_name) + "\n";
    if (listens) out += "listen = [" + text_literal("inproc://" + node_name) + "]\n";
  };
  const auto role = [&](const std::string& kind, const std::string& node_name, const std::string& more) {
    out += "[[roles]]\nkind = " + text_literal(kind) + "\nnode = " + text_literal(node_name) + "\n" + more;
  };
  node(name + "-cloud", true);
  for (const char* kind : {"intake", "teacher", "distiller", "compressor", "deployer"}) role(kind, name + "-cloud", "");
  node(name + "-bench", true);
  role("bench", name + "-bench", "");
  for (std::uint32_t i = 1; i <= plan.devices; ++i) {
    const std::string edge = name + "-edge-" + std::to_string(i);
    node(edge, true);
    role("device", edge, "device_id = " + std::to_string(i) + "\n");
    role("uplink_filter", edge, "settings = { seed = " + std::to_string(seed * 1000 + i) + " }\n");
  }
  return out;
}

namespace {

/// What is wrong with features between student and teacher as the topology has them; empty = nothing travels so, nobody
/// but the students themselves reads it, or they have one vision tower.
result<std::string> two_towers(const topology::graph& graph) {
  const auto& distilling = std::get<config::distiller_settings>(graph.roles_of(config::role_kind::distiller).front()->settings);
  const auto& teaching = std::get<config::teacher_settings>(graph.roles_of(config::role_kind::teacher).front()->settings);
  if (!topology::features_travel(graph) || teaching.kind == "self") return std::string();
  FRESHET_TRY_ASSIGN(const content_hash student, model::hash_encoder(distilling.student));
  FRESHET_TRY_ASSIGN(const content_hash teacher, model::hash_encoder(teaching.model));
  const auto shared = actors::check_shared_encoder(distilling.student, student, teaching.model, teacher);
  return shared.ok() ? std::string() : shared.err().context;
}

}  // namespace

result<std::string> misfit_of(const adapt_plan& plan, const policy& p) {
  FRESHET_TRY_ASSIGN(const model::model_config student, model::load_model_config(plan.student));
  if (!student.vision && plan.data == "scenes") {
    return error{errc::invalid_argument, plan.student + " reads text only, and \"scenes\" are pictures; --data wants a folder or a .jsonl "
                                                        "file of questions without \"image\""};
  }
  topology::load_options loading;
  loading.file = "the topology of policy " + std::string(p.name);
  FRESHET_TRY_ASSIGN(const std::string text, run_topology(plan, p, 1, "check", "none"));
  FRESHET_TRY_ASSIGN(const topology::graph graph, topology::load_graph(text, loading));
  if (student.vision) return two_towers(graph);
  std::set<std::string> found;   // the devices of a fleet say the same
  const auto note = [&](const result<void>& fits) {
    if (!fits.ok()) found.insert(fits.err().context);
  };
  for (const topology::role_spec& role : graph.roles) {
    if (const auto* distiller = std::get_if<config::distiller_settings>(&role.settings)) note(actors::check_text_only(*distiller));
    const auto* device = std::get_if<config::device_settings>(&role.settings);
    const topology::role_spec* filter = device != nullptr ? topology::filter_of(graph, role) : nullptr;
    if (filter != nullptr) note(actors::check_text_only(*device, std::get<config::uplink_filter_settings>(filter->settings)));
  }
  std::string all;
  for (const std::string& one : found) all += (all.empty() ? "" : "; ") + one;
  return all;
}

result<adapt_outcome> run_policy(const adapt_plan& plan, const policy& p, std::uint64_t seed, rt::system& engine,
                                 rt::transport& links, const std::function<void(double)>& watch,
                                 const std::atomic<bool>& stop) {
  const auto begun = std::chrono::steady_clock::now();
  const std::string name = std::string(p.name) + "-" + std::to_string(seed);
  const scratch_folder scratch(name);
  topology::load_options loading;
  loading.file = "the topology of policy " + std::string(p.name);
  FRESHET_TRY_ASSIGN(const std::string text, run_topology(plan, p, seed, name, scratch.path()));
  FRESHET_TRY_ASSIGN(const topology::graph graph, topology::load_graph(text, loading));
  FRESHET_TRY_ASSIGN(const auto words, model::load_tokenizer(plan.student));
  FRESHET_TRY_ASSIGN(const model::model_config student, model::load_model_config(plan.student));
  FRESHET_TRY_ASSIGN(const truth answers, truth::open(plan, seed, *words, student.vision));

  auto progress = std::make_shared<actors::bench_progress>();
  actors::bench_options bench;
  for (std::uint32_t i = 1; i <= plan.devices; ++i) bench.devices.push_back({name + "-edge-" + std::to_string(i), "device"});
  bench.samples_per_tick = plan.samples_per_tick;
  bench.ticks = answers.length() / plan.samples_per_tick;
  if (bench.ticks == 0) return error{errc::invalid_argument, "the stream is shorter than one tick"};
  actors::assembly_options assembling;
  assembling.bench = [bench, progress] { return std::make_unique<actors::bench_core>(bench, progress); };
  // As in a fleet: the bytes that are counted include signatures.
  assembling.artefact_keys = std::make_shared<const access::artefact_keys>(access::artefact_keys::draw());
  actors::assembly parts(graph, assembling);

  adapt_outcome out;
  out.policy = p.name;
  out.seed = seed;
  FRESHET_TRY_ASSIGN(out.adapter_values, parts.adapter_values());
  // The bench starts last: when it paces, everybody is there.
  std::vector<std::string> order;
  for (const auto& n : graph.nodes) {
    if (n.name != name + "-bench") order.push_back(n.name);
  }
  order.push_back(name + "-bench");
  std::vector<std::unique_ptr<rt::node>> nodes;
  for (const std::string& n : order) {
    FRESHET_TRY_ASSIGN(rt::node_options options, parts.node(n));
    options.report_period = std::chrono::hours(1);
    FRESHET_TRY_ASSIGN(auto started, rt::node::start(engine, links, std::move(options)));
    nodes.push_back(std::move(started));
  }
  const auto clock = engine.clock();
  stuck still(still_patience, clock->now());
  std::uint64_t last_tick = 0;
  bool failed = false;
  bool hangs = false;
  for (bool done = false; !done && !failed && !hangs && !stop.load();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    {
      const std::lock_guard guard(progress->lock);
      done = progress->done;
      last_tick = progress->tick;
    }
    hangs = still.look(clock->now(), last_tick, rt::figures_of_this_process().cpu_ms);
    for (const auto& n : nodes) failed = failed || n->failed();
    if (watch) watch(static_cast<double>(last_tick) / static_cast<double>(bench.ticks));
  }
  out.stages = stages_of_the_loop();
  for (const auto& n : nodes) {
    if (failed || hangs || stop.load()) break;
    for (const auto& [role, figures] : n->figures(figures_patience)) FRESHET_TRY(add_figures(out.stages, role, figures));
  }
  out.peak_resident_bytes = rt::figures_of_this_process().peak_resident_bytes;
  for (auto n = nodes.rbegin(); n != nodes.rend(); ++n) {
    (*n)->stop(stop_patience);
  }
  if (stop.load()) return error{errc::cancelled, "policy " + std::string(p.name)};
  if (failed) return error{errc::internal, "policy " + std::string(p.name) + ": a role was given up; see the log"};
  if (hangs) return error{errc::timeout, "policy " + std::string(p.name) + ": no progress after tick " + std::to_string(last_tick)};

  for (const auto& n : nodes) {
    const auto traffic = n->traffic();
    out.uplink_bytes += traffic.sum(rt::direction::out, {"", "uplink_filter"}, {name + "-cloud", "intake"}).bytes;
    out.downlink_bytes += traffic.sum(rt::direction::out, {name + "-cloud", "deployer"}, {"", "device"}).bytes;
  }
  std::vector<scored_stream> scored(plan.devices);
  const std::lock_guard guard(progress->lock);
  for (std::uint32_t d = 0; d < plan.devices; ++d) {
    const std::vector<std::string>& said = progress->answers[d + 1];
    const std::set<std::uint64_t>& unread = progress->skipped[d + 1];
    for (std::size_t i = 0; i < said.size(); ++i) {
      const auto wanted = answers.of(d).at(i);
      if (!wanted.ok() || !wanted->answer) continue;
      if (unread.count(i) != 0) {
        ++out.skipped;   // by all policies: neither right nor wrong
        continue;
      }
      scored[d].position.push_back(i);
      scored[d].right.push_back(answers.right(said[i], *wanted->answer));
      scored[d].phase.push_back(answers.of(d).phase_index(i));
    }
    out.samples += scored[d].right.size();
    out.correct += static_cast<std::uint64_t>(std::count(scored[d].right.begin(), scored[d].right.end(), true));
  }
  fill_phases(out, scored, plan);
  std::vector<double> right(bench.ticks, 0.0);
  std::vector<double> all(bench.ticks, 0.0);
  for (const scored_stream& d : scored) {
    for (std::size_t k = 0; k < d.right.size(); ++k) {
      const std::size_t tick = d.position[k] / plan.samples_per_tick;
      right[tick] += d.right[k] ? 1 : 0;
      all[tick] += 1;
    }
  }
  // Where nothing could be scored the course stays where it was.
  double share = 0;
  for (std::uint64_t t = 0; t < bench.ticks; ++t) {
    if (all[t] > 0) share = right[t] / all[t];
    out.curve.push_back(static_cast<float>(share));
  }
  out.refreshes = progress->version;
  out.trained = progress->trained;
  out.stragglers = progress->stragglers;
  FRESHET_TRY(measure_plain_bytes(out, answers, progress->skipped[1]));
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return out;
}

}  // namespace freshet::cli
