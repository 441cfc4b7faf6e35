// Drives a server as Go's clients do by default: typed clients and informers, Kubernetes protobuf, HTTP/2.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apixv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apix "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	namespace = "client-go"
	objects   = 50
	patience  = 2 * time.Minute
	protobuf  = "application/vnd.kubernetes.protobuf"
)

// answers counts what came back, by protocol and content type.
type answers struct {
	sync.Mutex
	next http.RoundTripper
	seen map[string]int
}

func (a *answers) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := a.next.RoundTrip(request)
	if err == nil {
		a.Lock()
		a.seen[answer.Proto+" "+answer.Header.Get("Content-Type")]++
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

// An informer that started first sees everything that is made later.
func informersFollow(ctx context.Context, client kubernetes.Interface) {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	added := make(chan *corev1.ConfigMap, 2*objects)
	factory.Core().V1().ConfigMaps().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(object any) { added <- object.(*corev1.ConfigMap) }})
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	maps := client.CoreV1().ConfigMaps(namespace)
	for i := 0; i < objects; i++ {
		made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "c-", Labels: map[string]string{"made": "here"}},
			Data: map[string]string{"k": "v"}, BinaryData: map[string][]byte{"b": {0, 255}}}, metav1.CreateOptions{})
		must(err)
		if made.BinaryData["b"][1] != 255 || made.CreationTimestamp.IsZero() {
			panic("bytes or times are lost")
		}
	}
	for seen := 0; seen < objects; {
		select {
		case object := <-added:
			if object.Labels["made"] == "here" {
				seen++
			}
		case <-ctx.Done():
			panic("the informer missed objects")
		}
	}
	list, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "made=here"})
	must(err)
	check(len(list.Items) == objects && list.ResourceVersion != "", "lists and informers show what was made")
}

func workloadsAreDefaulted(ctx context.Context, client kubernetes.Interface) {
	replicas := int32(1)
	labels := map[string]string{"app": "d"}
	deployments := client.AppsV1().Deployments(namespace)
	made, err := deployments.Create(ctx, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "d"}, Spec: appsv1.DeploymentSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}}},
		metav1.CreateOptions{})
	must(err)
	check(made.Spec.Strategy.RollingUpdate.MaxSurge.String() == "25%" && *made.Spec.Template.Spec.TerminationGracePeriodSeconds == 30, "defaults arrive")
	scale, err := deployments.GetScale(ctx, "d", metav1.GetOptions{})
	must(err)
	check(scale.Spec.Replicas == 1, "scale is typed")
	_, err = client.CoreV1().ConfigMaps(namespace).Get(ctx, "none", metav1.GetOptions{})
	check(errors.IsNotFound(err), "errors are typed")
	must(deployments.Delete(ctx, "d", metav1.DeleteOptions{}))
}

func metadataIsEnough(ctx context.Context, config *rest.Config) {
	maps := metadata.NewForConfigOrDie(config).Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(namespace)
	list, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "made=here"})
	must(err)
	watch, err := maps.Watch(ctx, metav1.ListOptions{})
	must(err)
	defer watch.Stop()
	event := <-watch.ResultChan()
	_, partial := event.Object.(*metav1.PartialObjectMetadata)
	check(len(list.Items) == objects && partial, "metadata alone is listed and watched")
}

// Their schemas hold what no other type has: JSON values, and values that are a schema or a boolean.
func definitionsSurvive(ctx context.Context, config *rest.Config) {
	least := 1.5
	text := apixv1.JSONSchemaProps{Type: "string"}
	spec := apixv1.JSONSchemaProps{Type: "object", Properties: map[string]apixv1.JSONSchemaProps{
		"number": {Type: "number", Minimum: &least, Default: &apixv1.JSON{Raw: []byte("2")}},
		"list":   {Type: "array", Items: &apixv1.JSONSchemaPropsOrArray{Schema: &text}},
		"map":    {Type: "object", AdditionalProperties: &apixv1.JSONSchemaPropsOrBool{Allows: true, Schema: &text}}}}
	definitions := apix.NewForConfigOrDie(config).ApiextensionsV1().CustomResourceDefinitions()
	made, err := definitions.Create(ctx, &apixv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "gadgets.client-go.test"},
		Spec: apixv1.CustomResourceDefinitionSpec{Group: "client-go.test", Scope: apixv1.NamespaceScoped,
			Names: apixv1.CustomResourceDefinitionNames{Plural: "gadgets", Singular: "gadget", Kind: "Gadget", ListKind: "GadgetList"},
			Versions: []apixv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true, Schema: &apixv1.CustomResourceValidation{
				OpenAPIV3Schema: &apixv1.JSONSchemaProps{Type: "object", Properties: map[string]apixv1.JSONSchemaProps{"spec": spec}}}}}}}, metav1.CreateOptions{})
	must(err)
	back := made.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties
	check(*back["number"].Minimum == least && string(back["number"].Default.Raw) == "2" && back["list"].Items.Schema.Type == "string" &&
		back["map"].AdditionalProperties.Schema.Type == "string", "schemas come back as they went")
	must(definitions.Delete(ctx, made.Name, metav1.DeleteOptions{}))
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	must(err)
	config.ContentType = protobuf
	config.AcceptContentTypes = protobuf + ",application/json"
	config.QPS, config.Burst = 1000, 1000
	seen := &answers{seen: map[string]int{}}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { seen.next = next; return seen })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := kubernetes.NewForConfigOrDie(config)
	_, err = client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	must(err)
	informersFollow(ctx, client)
	workloadsAreDefaulted(ctx, client)
	metadataIsEnough(ctx, config)
	definitionsSurvive(ctx, config)
	_, resources, err := client.Discovery().ServerGroupsAndResources()
	must(err)
	check(len(resources) > 10, "discovery is read")
	must(client.CoreV1().ConfigMaps(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	seen.Lock()
	defer seen.Unlock()
	for kind, count := range seen.seen {
		fmt.Println(count, kind)
		check(strings.HasPrefix(kind, "HTTP/2.0 "), "HTTP/2 was spoken")
	}
	check(seen.seen["HTTP/2.0 "+protobuf] > objects && seen.seen["HTTP/2.0 "+protobuf+";stream=watch"] > 0, "protobuf was spoken")
}
