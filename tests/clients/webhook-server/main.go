// Admission webhooks on controller-runtime: ConfigMaps get a label and a number of lamps, and are judged by that number.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const (
	lampsMax = 10
	askedBy  = "webhook.test/asked-by"
)

type defaulter struct{}

func (defaulter) Default(ctx context.Context, object *corev1.ConfigMap) error {
	request, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	if object.Annotations == nil {
		object.Annotations = map[string]string{}
	}
	if _, known := object.Annotations[askedBy]; !known {
		object.Annotations[askedBy] = request.UserInfo.Username
	}
	if object.Data == nil {
		object.Data = map[string]string{}
	}
	if _, given := object.Data["lamps"]; !given {
		object.Data["lamps"] = "1"
	}
	return nil
}

type validator struct{}

func lamps(object *corev1.ConfigMap) (int, error) {
	count, err := strconv.Atoi(object.Data["lamps"])
	if err != nil {
		return 0, fmt.Errorf("data.lamps has to be a number, not %q", object.Data["lamps"])
	}
	if count > lampsMax {
		return 0, fmt.Errorf("%d lamps are too many, at most %d", count, lampsMax)
	}
	return count, nil
}

func (validator) ValidateCreate(_ context.Context, object *corev1.ConfigMap) (admission.Warnings, error) {
	_, err := lamps(object)
	return nil, err
}

func (validator) ValidateUpdate(_ context.Context, before, now *corev1.ConfigMap) (admission.Warnings, error) {
	count, err := lamps(now)
	if err != nil {
		return nil, err
	}
	if old, err := lamps(before); err == nil && count < old {
		return admission.Warnings{fmt.Sprintf("it gets darker: %d lamps instead of %d", count, old)}, nil
	}
	return nil, nil
}

func (validator) ValidateDelete(_ context.Context, object *corev1.ConfigMap) (admission.Warnings, error) {
	if object.Labels["keep"] == "yes" {
		return nil, fmt.Errorf("%s is to be kept", object.Name)
	}
	return nil, nil
}

func main() {
	log.SetLogger(zap.New())
	port, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	server := webhook.NewServer(webhook.Options{Host: "127.0.0.1", Port: port, CertDir: os.Args[1]})
	server.Register("/default", admission.WithDefaulter[*corev1.ConfigMap](clientgoscheme.Scheme, defaulter{}))
	server.Register("/validate", admission.WithValidator[*corev1.ConfigMap](clientgoscheme.Scheme, validator{}))
	if err := server.Start(ctrl.SetupSignalHandler()); err != nil {
		panic(err)
	}
}
