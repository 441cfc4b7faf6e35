// A controller on controller-runtime: two managers of which one leads, a definition of its own, server-side apply, finalizers, and
// a cache over many objects.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apixv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	namespace = "runtime"
	many      = 10000
	writers   = 32
	patience  = 3 * time.Minute
	finalizer = "site.test/cleanup"
	protobuf  = "application/vnd.kubernetes.protobuf"
)

var site = schema.GroupVersionKind{Group: "runtime.test", Version: "v1", Kind: "Site"}

type answers struct {
	sync.Mutex
	next http.RoundTripper
	seen map[string]int
}

func (a *answers) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := a.next.RoundTrip(request)
	if err == nil {
		a.Lock()
		a.seen[answer.Header.Get("Content-Type")]++
		a.Unlock()
	}
	return answer, err
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(holds bool, what string) {
	if !holds {
		panic("not so: " + what)
	}
	fmt.Println("ok", what)
}

func eventually(ctx context.Context, what string, probe func() bool) {
	for !probe() {
		select {
		case <-ctx.Done():
			panic("not in time: " + what)
		case <-time.After(20 * time.Millisecond):
		}
	}
	fmt.Println("ok", what)
}

func newSite(name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(site)
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

// reconciler keeps one ConfigMap a Site, by server-side apply.
type reconciler struct {
	client.Client
	name    string
	cleaned atomic.Int64
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := newSite("")
	if err := r.Get(ctx, request.NamespacedName, object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if object.GetDeletionTimestamp() != nil {
		if controllerutil.RemoveFinalizer(object, finalizer) {
			r.cleaned.Add(1)
			return ctrl.Result{}, r.Update(ctx, object)
		}
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(object, finalizer) {
		return ctrl.Result{}, r.Update(ctx, object)
	}
	text, _, _ := unstructured.NestedString(object.Object, "spec", "text")
	page := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "page-" + object.GetName(), "namespace": namespace}, "data": map[string]any{"text": text, "by": r.name}}}
	if err := controllerutil.SetControllerReference(object, page, r.Scheme()); err != nil {
		return ctrl.Result{}, err
	}
	if err := r.Apply(ctx, client.ApplyConfigurationFromUnstructured(page), client.FieldOwner("site-controller"), client.ForceOwnership); err != nil {
		return ctrl.Result{}, err
	}
	before := object.DeepCopy()
	must(unstructured.SetNestedField(object.Object, text, "status", "served"))
	return ctrl.Result{}, r.Status().Patch(ctx, object, client.MergeFrom(before))
}

func schemeOfAll() *runtime.Scheme {
	scheme := runtime.NewScheme()
	must(clientgoscheme.AddToScheme(scheme))
	must(apixv1.AddToScheme(scheme))
	scheme.AddKnownTypeWithName(site, &unstructured.Unstructured{})
	scheme.AddKnownTypeWithName(site.GroupVersion().WithKind("SiteList"), &unstructured.UnstructuredList{})
	return scheme
}

// lead starts a manager that wants to lead; the returned function ends it.
func lead(parent context.Context, config *rest.Config, name string) (ctrl.Manager, *reconciler, func()) {
	quick, quicker, soon := 4*time.Second, 3*time.Second, 500*time.Millisecond
	manager, err := ctrl.NewManager(config, ctrl.Options{Scheme: schemeOfAll(), Metrics: server.Options{BindAddress: "0"}, LeaderElection: true, LeaderElectionID: "site-controller",
		LeaderElectionNamespace: namespace, LeaderElectionReleaseOnCancel: true, LeaseDuration: &quick, RenewDeadline: &quicker, RetryPeriod: &soon})
	must(err)
	mine := &reconciler{Client: manager.GetClient(), name: name}
	again := true
	must(ctrl.NewControllerManagedBy(manager).For(newSite("")).Owns(&corev1.ConfigMap{}).WithOptions(controller.Options{SkipNameValidation: &again}).Complete(mine))
	ctx, cancel := context.WithCancel(parent)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := manager.Start(ctx); err != nil && ctx.Err() == nil {
			panic(err)
		}
	}()
	return manager, mine, func() { cancel(); <-ended }
}

func define(ctx context.Context, direct client.Client) {
	keep := true
	must(direct.Create(ctx, &apixv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "sites.runtime.test"}, Spec: apixv1.CustomResourceDefinitionSpec{
		Group: site.Group, Scope: apixv1.NamespaceScoped, Names: apixv1.CustomResourceDefinitionNames{Plural: "sites", Singular: "site", Kind: "Site", ListKind: "SiteList"},
		Versions: []apixv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true, Subresources: &apixv1.CustomResourceSubresources{Status: &apixv1.CustomResourceSubresourceStatus{}},
			Schema: &apixv1.CustomResourceValidation{OpenAPIV3Schema: &apixv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &keep}}}}}}))
	eventually(ctx, "the definition is served", func() bool { return direct.Get(ctx, types.NamespacedName{Namespace: namespace, Name: "none"}, newSite("")) != nil && established(ctx, direct) })
}

func established(ctx context.Context, direct client.Client) bool {
	return errors.IsNotFound(direct.Get(ctx, types.NamespacedName{Namespace: namespace, Name: "none"}, newSite("")))
}

func sitesAreReconciled(ctx context.Context, direct client.Client, by string, name string) {
	wanted := newSite(name)
	wanted.Object["spec"] = map[string]any{"text": "hello"}
	must(direct.Create(ctx, wanted))
	key := types.NamespacedName{Namespace: namespace, Name: "page-" + name}
	page := func() *corev1.ConfigMap {
		found := &corev1.ConfigMap{}
		if direct.Get(ctx, key, found) != nil {
			return nil
		}
		return found
	}
	eventually(ctx, name+" has its page, applied by "+by, func() bool { found := page(); return found != nil && found.Data["by"] == by && metav1.IsControlledBy(found, wanted) })
	check(page().ManagedFields[0].Manager == "site-controller" && page().ManagedFields[0].Operation == metav1.ManagedFieldsOperationApply, "the page is managed by apply")
	// Who changes what was applied is overruled; what nobody applied stays.
	changed := page()
	changed.Data["text"], changed.Data["more"] = "other", "mine"
	must(direct.Update(ctx, changed))
	eventually(ctx, "a change from outside is undone", func() bool { found := page(); return found != nil && found.Data["text"] == "hello" && found.Data["more"] == "mine" })
	eventually(ctx, "the status follows", func() bool {
		found := newSite("")
		must(direct.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, found))
		served, _, _ := unstructured.NestedString(found.Object, "status", "served")
		return served == "hello"
	})
	settled := page().ResourceVersion
	time.Sleep(300 * time.Millisecond)
	check(page().ResourceVersion == settled, "what is as it should be is not written again")
}

func manyAreCached(ctx context.Context, direct client.Client, manager ctrl.Manager) {
	work := make(chan int)
	var group sync.WaitGroup
	for range writers {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range work {
				must(direct.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("many-%d", i), Labels: map[string]string{"many": "yes"}}, Data: map[string]string{"k": strings.Repeat("v", 100)}}))
			}
		}()
	}
	began := time.Now()
	for i := range many {
		work <- i
	}
	close(work)
	group.Wait()
	fmt.Println("made", many, "in", time.Since(began))
	count := func() int {
		found := &corev1.ConfigMapList{}
		must(manager.GetCache().List(ctx, found, client.InNamespace(namespace), client.MatchingLabels{"many": "yes"}))
		return len(found.Items)
	}
	eventually(ctx, fmt.Sprint("the cache has ", many, " objects"), func() bool { return count() == many })
	paged, continued := 0, ""
	for {
		page := &corev1.ConfigMapList{}
		must(direct.List(ctx, page, client.InNamespace(namespace), client.MatchingLabels{"many": "yes"}, client.Limit(500), client.Continue(continued)))
		paged += len(page.Items)
		if continued = page.Continue; continued == "" {
			break
		}
	}
	check(paged == many, "pages make the whole")
	must(direct.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace(namespace), client.MatchingLabels{"many": "yes"}))
	eventually(ctx, "the cache is empty again", func() bool { return count() == 0 })
}

func main() {
	log.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	must(err)
	config.QPS, config.Burst = -1, 0
	seen := &answers{seen: map[string]int{}}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { seen.next = next; return seen })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	direct, err := client.New(config, client.Options{Scheme: schemeOfAll()})
	must(err)
	must(direct.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
	define(ctx, direct)
	first, _, endFirst := lead(ctx, config, "first")
	<-first.Elected()
	second, successor, endSecond := lead(ctx, config, "second")
	sitesAreReconciled(ctx, direct, "first", "one")
	check(!closed(second.Elected()), "one leads, the other waits")
	manyAreCached(ctx, direct, first)
	endFirst()
	<-second.Elected()
	fmt.Println("ok the second took over")
	sitesAreReconciled(ctx, direct, "second", "two")
	must(direct.Delete(ctx, newSite("one")))
	eventually(ctx, "a finalizer is honoured", func() bool {
		return successor.cleaned.Load() == 1 && errors.IsNotFound(direct.Get(ctx, types.NamespacedName{Namespace: namespace, Name: "one"}, newSite("")))
	})
	endSecond()
	seen.Lock()
	defer seen.Unlock()
	check(seen.seen[protobuf] > many && seen.seen[protobuf+";stream=watch"] > 0, "protobuf was spoken")
}

func closed(elected <-chan struct{}) bool {
	select {
	case <-elected:
		return true
	default:
		return false
	}
}
