// Prometheus's own discovery, without the rest of Prometheus:  prometheus KUBECONFIG  prints, for every change of what is found,
// one JSON line: roles, and for each the labels of all its targets.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/kubernetes"
	"go.yaml.in/yaml/v2"
)

var roles = []string{"node", "service", "pod", "endpoints", "endpointslice", "ingress"}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

type job struct {
	Configs discovery.Configs `yaml:"-"`
}

// UnmarshalYAML reads what stands in a scrape configuration.
func (j *job) UnmarshalYAML(unmarshal func(any) error) error {
	return discovery.UnmarshalYAMLWithInlineConfigs(j, unmarshal)
}

func configs(kubeconfig, role string) discovery.Configs {
	var one job
	must(yaml.Unmarshal(fmt.Appendf(nil, "kubernetes_sd_configs: [{role: %s, kubeconfig_file: %q}]", role, kubeconfig), &one))
	return one.Configs
}

func main() {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	registry := prometheus.NewRegistry()
	metrics, err := discovery.CreateAndRegisterSDMetrics(registry)
	must(err)
	manager := discovery.NewManager(context.Background(), logger, registry, metrics)
	wanted := map[string]discovery.Configs{}
	for _, role := range roles {
		wanted[role] = configs(os.Args[1], role)
	}
	must(manager.ApplyConfig(wanted))
	go manager.Run()
	for found := range manager.SyncCh() {
		shown := map[string][]map[string]string{}
		for role, groups := range found {
			for _, group := range groups {
				for _, target := range group.Targets {
					labels := map[string]string{}
					for name, value := range group.Labels {
						labels[string(name)] = string(value)
					}
					for name, value := range target {
						labels[string(name)] = string(value)
					}
					shown[role] = append(shown[role], labels)
				}
			}
		}
		line, err := json.Marshal(shown)
		must(err)
		fmt.Println(string(line))
	}
}
